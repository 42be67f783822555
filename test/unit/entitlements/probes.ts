import { expect } from 'vitest';

import type { Segment, Timeline } from '../../../src/entitlements/core/facts.ts';
import { day } from './facts-of.ts';

/** Every bound of these timelines, a millisecond to either side of it, and far away. */
export function probes(...timelines: Timeline[]): number[] {
  const bounds = timelines
    .flat()
    .flatMap(({ validFrom, validTo }) => [validFrom, validTo])
    .filter((bound) => bound !== null);
  const around = bounds.flatMap((bound) => [bound - 1, bound, bound + 1]);
  return [...new Set([day(-1000), ...around, day(1000)])].sort((a, b) => a - b);
}

/** Returns the segment that covers an instant; more than one is a failure. */
export function segmentAt(
  timeline: Timeline,
  featureCode: string,
  instant: number,
): Segment | null {
  const found = timeline.filter(
    (segment) =>
      segment.featureCode === featureCode &&
      (segment.validFrom === null || segment.validFrom <= instant) &&
      (segment.validTo === null || instant < segment.validTo),
  );
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0] ?? null;
}
