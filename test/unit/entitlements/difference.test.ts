import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { computeListing } from '../../../src/entitlements/core/compute.ts';
import { differenceOf, type Stored } from '../../../src/entitlements/core/difference.ts';
import type { Facts, Segment, SourceSpan, Timeline } from '../../../src/entitlements/core/facts.ts';
import { isShared, sourcesOf, spansOf } from '../../../src/entitlements/core/segment-sources.ts';
import { anyFacts } from './arbitrary-facts.ts';
import { day, factsOf, grantOf } from './facts-of.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

/** As it would be stored: each part is its own row. */
function storedOf(timeline: Timeline): Stored<Segment | SourceSpan> {
  return {
    segments: timeline.map((segment) => ({ row: segment, segment })),
    spans: spansOf(timeline).map((span) => ({ row: span, span })),
  };
}

/** The content of a segment, in either representation. */
function said({ sources, ...segment }: Segment) {
  return {
    ...segment,
    isShared: isShared(sources),
    sources: sourcesOf({ ...segment, sources }),
  };
}

function has<T>(list: readonly T[], one: T): boolean {
  return list.some((other) => isDeepStrictEqual(one, other));
}

/** Facts, and the same with some parts gone and others ended: most of the timeline stays. */
const twoFacts = anyFacts.chain((facts) =>
  fc
    .record({
      grants: fc.subarray(facts.grants),
      purchases: fc.subarray(facts.purchases),
      subscriptions: fc.subarray(facts.subscriptions),
      revocations: fc.subarray(facts.revocations),
    })
    .map((some): [Facts, Facts] => [facts, { ...facts, ...some }]),
);

describe('the difference of two timelines', () => {
  test('takes away and adds exactly the segments that say something else, and the spans', () => {
    fc.assert(
      fc.property(
        twoFacts,
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        ([one, other], maxListed, isBackwards) => {
          const [from, to] = isBackwards ? [other, one] : [one, other];
          const before = computeListing(from, maxListed);
          const after = computeListing(to, maxListed);
          const { goneSegments, addedSegments, goneSpans, addedSpans } = differenceOf(
            storedOf(before),
            after,
          );
          const [saidBefore, saidAfter] = [before.map(said), after.map(said)];
          expect(goneSegments).toEqual(before.filter((segment) => !has(saidAfter, said(segment))));
          expect(addedSegments).toEqual(after.filter((segment) => !has(saidBefore, said(segment))));
          const [spansBefore, spansAfter] = [spansOf(before), spansOf(after)];
          expect(goneSpans).toEqual(spansBefore.filter((span) => !has(spansAfter, span)));
          expect(addedSpans).toEqual(spansAfter.filter((span) => !has(spansBefore, span)));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('is none where the facts are the same', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const stored = storedOf(computeListing(facts, 1));
        expect(Object.values(differenceOf(stored, computeListing(facts, 1))).flat()).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('leaves alone the segments before a source that ends among many', () => {
    const grants = Array.from({ length: 50 }, (_, index) =>
      grantOf({ id: `gr_${index}`, validFrom: day(index), number: index + 1 }),
    );
    const before = computeListing(factsOf({ grants }), 4);
    const ended = grants.map((grant) =>
      grant.id === 'gr_7' ? { ...grant, endedAt: day(45) } : grant,
    );
    const difference = differenceOf(
      storedOf(before),
      computeListing(factsOf({ grants: ended }), 4),
    );
    expect(difference.addedSegments.map(({ validFrom }) => validFrom)).toEqual(
      [45, 46, 47, 48, 49].map(day),
    );
    expect([difference.goneSpans.length, difference.addedSpans.length]).toEqual([1, 1]);
  });
});
