import type { FeatureValue, Segment } from './facts.ts';

/** Returns the features that a timeline grants at an instant: feature code → value. */
export function grantedAt(
  timeline: readonly Segment[],
  instant: number,
): Map<string, FeatureValue> {
  return new Map(
    timeline
      .filter(({ reason }) => reason === 'granted')
      .filter(({ validFrom }) => validFrom === null || validFrom <= instant)
      .filter(({ validTo }) => validTo === null || instant < validTo)
      .map(({ featureCode, value }) => [featureCode, value]),
  );
}
