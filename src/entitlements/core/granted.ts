import type { FeatureValue, Segment } from './facts.ts';

/** Returns the features that a timeline grants at an instant: feature code → value. */
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

/** Returns the features that segments grant, at most one segment per feature: feature code → value. */
export function granted(segments: readonly Segment[]): Map<string, FeatureValue> {
  return new Map(
    segments
      .filter(({ reason }) => reason === 'granted')
      .map(({ featureCode, value }) => [featureCode, value]),
  );
}
