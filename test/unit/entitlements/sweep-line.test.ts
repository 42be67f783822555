import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { compute, computeListing } from '../../../src/entitlements/core/compute.ts';
import { decide, featureCases, type FeatureCase } from '../../../src/entitlements/core/decision.ts';
import type { Facts, GrantFact, Segment, SourceRef } from '../../../src/entitlements/core/facts.ts';
import { byText } from '../../../src/entitlements/core/order.ts';
import {
  byRef,
  countingIn,
  spansOf,
  valueOf,
} from '../../../src/entitlements/core/segment-sources.ts';
import { sweepLine } from '../../../src/entitlements/core/sweep-line.ts';
import { anyFacts } from './arbitrary-facts.ts';
import { day, factsOf, grantOf, revocationOf, seatsFeature } from './facts-of.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

/** A segment with the whole list of its sources. */
type WholeSegment = Omit<Segment, 'sources'> & { sources: SourceRef[] };

/** The timeline by its definition: every decision taken anew at every bound, with all sources named. */
function defined(facts: Facts): WholeSegment[] {
  return featureCases(facts)
    .toSorted((a, b) => byText(a.feature.code, b.feature.code))
    .flatMap(definedFor);
}

function definedFor(featureCase: FeatureCase): WholeSegment[] {
  const { feature, sources, revocations } = featureCase;
  const windows = [...sources.flatMap(({ lifecycle }) => lifecycle), ...revocations];
  const bounds = [...new Set(windows.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const segments: WholeSegment[] = [];
  for (const [index, from] of bounds.entries()) {
    const to = bounds[index + 1];
    if (to === undefined) break;
    const { reason, value, counting } = decide(featureCase, from);
    if (reason === 'no_source') continue;
    const refs = counting.map(({ ref }) => ref).sort(byRef);
    const said = {
      featureCode: feature.code,
      featureType: feature.type,
      reason,
      value,
      sources: refs.filter((ref, at) => !isDeepStrictEqual(ref, refs[at - 1])),
    };
    const validTo = to === Infinity ? null : to;
    const last = segments.at(-1);
    if (last?.validTo === from && isDeepStrictEqual({ ...last, ...said }, last)) {
      last.validTo = validTo;
    } else {
      segments.push({ ...said, validFrom: from === -Infinity ? null : from, validTo });
    }
  }
  return segments;
}

function whole(timeline: readonly Segment[]): WholeSegment[] {
  return timeline.map((segment) => ({
    ...segment,
    value: valueOf(segment),
    sources: countingIn(segment),
  }));
}

/** The number `n` top-ups of `seats`, a minute apart, each worth 1. */
function topUps(n: number, given: Partial<GrantFact> = {}): GrantFact[] {
  return Array.from({ length: n }, (_, index) =>
    grantOf({
      id: `gr_${String(index).padStart(5, '0')}`,
      featureCode: 'seats',
      value: 1,
      validFrom: day(0) + index * 60_000,
      number: index + 1,
      ...given,
    }),
  );
}

const sumFeature = { ...seatsFeature, merge: 'sum' as const };

describe('the timeline', () => {
  test('is what deciding anew at every bound gives, whether segments list their sources or share them', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 0, max: 4 }), (facts, maxListed) => {
        expect(whole(computeListing(facts, maxListed))).toEqual(defined(facts));
      }),
      { numRuns: 500 },
    );
  });

  test('lists few sources in the segment and shares many, each span as long as it can be', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 0, max: 4 }), (facts, maxListed) => {
        const timeline = computeListing(facts, maxListed);
        for (const { sources, ...segment } of timeline) {
          const count = countingIn({ ...segment, sources }).length;
          const most = segment.featureType === 'metered' ? 0 : maxListed;
          expect(Array.isArray(sources)).toBe(count <= most);
        }
        const spans = spansOf(timeline);
        for (const span of spans) {
          expect(span.validFrom).toBeLessThan(span.validTo ?? Infinity);
          const next = spans.find(
            ({ featureCode, source, validFrom }) =>
              featureCode === span.featureCode &&
              isDeepStrictEqual(source, span.source) &&
              validFrom === span.validTo,
          );
          expect(next).toBeUndefined();
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a thousand sources', () => {
  const stepsOf = (facts: Facts) =>
    featureCases(facts)
      .flatMap((featureCase) => [...sweepLine(featureCase)])
      .reduce((sum, { entered, left }) => sum + 1 + entered.length + left.length, 0);
  const sizeOf = (facts: Facts) => {
    const timeline = compute(facts);
    const listed = timeline.flatMap(({ sources }) => (Array.isArray(sources) ? sources : []));
    return timeline.length + listed.length + spansOf(timeline).length;
  };

  test.each([
    ['open top-ups', (n: number) => topUps(n)],
    ['top-ups of a year', (n: number) => topUps(n).map(endingAfterAYear)],
    ['top-ups of a day', (n: number) => topUps(n, { validTo: day(1) })],
  ])('take ten times the steps and the room of a hundred: %s', (_, grantsOf) => {
    const factsWith = (n: number) => factsOf({ features: [sumFeature], grants: grantsOf(n) });
    expect(stepsOf(factsWith(1000))).toBeLessThan(11 * stepsOf(factsWith(100)));
    expect(sizeOf(factsWith(1000))).toBeLessThan(11 * sizeOf(factsWith(100)));
  });

  test('that come one by one over the cap of a sum are all taken away again', () => {
    const grants = topUps(3, { value: Number.MAX_SAFE_INTEGER }).map(endingAfterAYear);
    const facts = factsOf({ features: [sumFeature], grants });
    expect(compute(facts).map(({ value }) => value)).toEqual([
      null,
      ...Array.from({ length: 5 }, () => Number.MAX_SAFE_INTEGER),
      null,
    ]);
  });

  test('that a revocation takes away come back with the next grant', () => {
    const facts = factsOf({
      features: [sumFeature],
      grants: [
        ...topUps(1000),
        grantOf({ id: 'gr_last', featureCode: 'seats', value: 1, validFrom: day(3), number: 2000 }),
      ],
      revocations: [revocationOf({ featureCode: 'seats', validFrom: day(2), number: 1500 })],
    });
    const last = compute(facts).slice(-3);
    expect(last.map(({ reason, value }) => [reason, value])).toEqual([
      ['granted', 1000],
      ['revoked', null],
      ['granted', 1001],
    ]);
    expect(last.map((segment) => countingIn(segment).length)).toEqual([1000, 0, 1001]);
  });
});

function endingAfterAYear(grant: GrantFact): GrantFact {
  return { ...grant, validTo: grant.validFrom + 365 * 86_400_000 };
}
