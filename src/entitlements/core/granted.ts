import type { FeatureValue, Segment } from './facts.ts';
import { valueOf } from './segment-sources.ts';

/** Returns the features that a timeline grants at an instant, as a map from feature code to value. */
export function grantedAt(
  timeline: readonly Segment[],
  instant: number,
): Map<string, FeatureValue> {
  return granted(
    timeline
      .filter(({ validFrom }) => validFrom === null || validFrom <= instant)
      .filter(({ validTo }) => validTo === null || instant < validTo),
  );
}

/**
 * Returns the features that segments grant, as a map from feature code to value. Expects at most one segment
 * per feature.
 */
export function granted(segments: readonly Segment[]): Map<string, FeatureValue> {
  return new Map(
    segments
      .filter(({ reason }) => reason === 'granted')
      .map((segment) => [segment.featureCode, valueOf(segment)]),
  );
}
