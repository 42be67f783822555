import { isDeepStrictEqual } from 'node:util';

import { decide, featureCases, type Decision, type FeatureCase } from './decision.ts';
import type { Facts, Segment, SourceRef, Timeline } from './facts.ts';
import type { FeatureSource } from './merge.ts';
import { byText } from './order.ts';

/**
 * All that one user may use, ever, as the facts have it: the answer for every feature over all of
 * time, which a read looks up at its instant. The same facts in any order give the same timeline;
 * time passing changes nothing in it. What no segment covers is `no_source`.
 */
export function compute(facts: Facts): Timeline {
  return featureCases(facts)
    .toSorted((a, b) => byText(a.feature.code, b.feature.code))
    .flatMap(sweep);
}

/**
 * The answer can change at the bounds of windows only: one decision holds from each to the next.
 * Before the first and after the last, nothing bears on the feature.
 */
function sweep(featureCase: FeatureCase): Segment[] {
  const segments: Segment[] = [];
  const bounds = boundsOf(featureCase);
  for (const [index, from] of bounds.entries()) {
    const to = bounds[index + 1];
    if (to === undefined) break;
    const next = segmentOf(featureCase, decide(featureCase, from), from, to);
    if (next === null) continue;
    const last = segments.at(-1);
    if (last?.validTo === next.validFrom && isSameAnswer(last, next)) {
      last.validTo = next.validTo;
    } else {
      segments.push(next);
    }
  }
  return segments;
}

/** In order, each once. */
function boundsOf({ sources, revocations }: FeatureCase): number[] {
  const windows = [...sources.flatMap(({ stretches }) => stretches), ...revocations];
  return [...new Set(windows.flatMap(({ from, to }) => [from, to]))].toSorted((a, b) => a - b);
}

function segmentOf(
  { feature }: FeatureCase,
  { reason, value, counting }: Decision,
  from: number,
  to: number,
): Segment | null {
  if (reason === 'no_source') return null;
  return {
    featureCode: feature.code,
    featureType: feature.type,
    reason,
    value,
    sources: refsOf(counting),
    validFrom: from === -Infinity ? null : from,
    validTo: to === Infinity ? null : to,
  };
}

/** By type and id, each once: two items of a subscription may have one price. */
function refsOf(counting: readonly FeatureSource[]): SourceRef[] {
  return counting
    .map(({ ref }) => ref)
    .toSorted(byRef)
    .filter((ref, index, refs) => {
      const before = refs[index - 1];
      return before === undefined || byRef(before, ref) !== 0;
    });
}

/** The order of sources in answers: by type, id and price. */
export function byRef(a: SourceRef, b: SourceRef): number {
  return byText(a.type, b.type) || byText(a.id, b.id) || byText(a.price_id ?? '', b.price_id ?? '');
}

function isSameAnswer(a: Segment, b: Segment): boolean {
  return (
    a.reason === b.reason &&
    isDeepStrictEqual(a.value, b.value) &&
    isDeepStrictEqual(a.sources, b.sources)
  );
}
