import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import type { Facts, Segment, Timeline } from '../../../src/entitlements/core/facts.ts';
import { countingIn, sourcesOf, valueOf } from '../../../src/entitlements/core/segment-sources.ts';
import { anyFacts, anyGrant, anyQueue, anyRevocation, reordered } from './arbitrary-facts.ts';
import { day } from './facts-of.ts';
import { oracleAt } from './oracle.ts';
import { probes, segmentAt } from './probes.ts';

const runs = { numRuns: 200 };

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

/** Every half day on which random facts may have a bound, so that no missing bound goes unnoticed. */
const halfDays = Array.from({ length: 220 }, (_, index) => day(index / 2 - 10));

function isAllowed(timeline: Timeline, featureCode: string, instant: number): boolean {
  return segmentAt(timeline, featureCode, instant)?.reason === 'granted';
}

function expectByTheLetter(facts: Facts): void {
  const timeline = compute(facts);
  for (const feature of facts.features) {
    for (const instant of [...halfDays, ...probes(timeline)]) {
      const segment = segmentAt(timeline, feature.code, instant);
      const said =
        segment === null
          ? { reason: 'no_source', value: null, sources: [] }
          : { reason: segment.reason, value: valueOf(segment), sources: sourcesOf(segment) };
      const ruled = oracleAt(facts, feature, instant);
      if (!isDeepStrictEqual(said, ruled)) {
        expect({ instant, feature: feature.code, ...said }).toEqual(ruled);
      }
    }
  }
}

describe('the timeline', () => {
  test.each([
    ['any facts', anyFacts],
    ['purchases that follow one another among revocations', anyQueue],
  ])('is what the rules say, by the letter, at every instant and around it: %s', (_, facts) => {
    fc.assert(fc.property(facts, expectByTheLetter), runs);
  });

  test('does not depend on the order of the facts', () => {
    fc.assert(
      fc.property(
        anyFacts.chain((facts) => fc.tuple(fc.constant(facts), reordered(facts))),
        ([facts, others]) => {
          expect(compute(others)).toEqual(compute(facts));
        },
      ),
      runs,
    );
  });

  test('has no overlaps and no empty pieces, is in order, and neighbours differ', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const timeline = compute(facts);
        for (const [index, segment] of timeline.entries()) {
          expect(segment.validFrom ?? -Infinity).toBeLessThan(segment.validTo ?? Infinity);
          const before = timeline[index - 1];
          if (before === undefined) continue;
          if (before.featureCode !== segment.featureCode) {
            expect(before.featureCode < segment.featureCode).toBe(true);
            continue;
          }
          expect(before.validTo ?? Infinity).toBeLessThanOrEqual(segment.validFrom ?? -Infinity);
          if (before.validTo !== segment.validFrom) continue;
          const told = (one: Segment) => ({
            reason: one.reason,
            value: one.value,
            sources: countingIn(one),
          });
          expect(isDeepStrictEqual(told(before), told(segment))).toBe(false);
        }
      }),
      runs,
    );
  });

  test('names sources and a value exactly if it grants, and always has a start', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        for (const segment of compute(facts)) {
          const { reason, value, validFrom } = segment;
          expect(sourcesOf(segment).length > 0).toBe(reason === 'granted');
          if (reason === 'granted') expect(validFrom).not.toBeNull();
          else expect(value).toBeNull();
        }
      }),
      runs,
    );
  });
});

describe('access', () => {
  test('is never removed by adding a grant, recorded at any time', () => {
    fc.assert(
      fc.property(anyFacts, anyGrant, fc.integer({ min: 0, max: 7 }), (facts, grant, turn) => {
        const without = compute(facts);
        const added = { ...grant, id: 'gr_added', number: 2 * turn + 1 };
        const withGrant = compute({ ...facts, grants: [...facts.grants, added] });
        for (const instant of probes(without, withGrant)) {
          for (const { code } of facts.features) {
            if (isAllowed(without, code, instant)) {
              expect(isAllowed(withGrant, code, instant)).toBe(true);
            }
          }
        }
      }),
      runs,
    );
  });

  test('is left as other sources give it when one source goes', () => {
    fc.assert(
      fc.property(withoutOne, ([facts, fewer, goneId]) => {
        const before = compute(facts);
        const after = compute(fewer);
        for (const instant of probes(before, after)) {
          for (const { code } of facts.features) {
            const had = segmentAt(before, code, instant);
            const others = had === null ? [] : sourcesOf(had).filter(({ id }) => id !== goneId);
            if (others.length === 0) continue;
            const has = segmentAt(after, code, instant);
            expect(has?.reason).toBe('granted');
            expect(has === null ? [] : sourcesOf(has)).toEqual(others);
          }
        }
      }),
      runs,
    );
  });

  test('by what began after a plain revocation is untouched by it, and a block takes at least as much', () => {
    const turn = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(anyFacts.map(withoutDays), anyRevocation, turn, (facts, one, at) => {
        const added = (block: boolean) => ({ ...one, id: 'rv_added', number: 2 * at + 1, block });
        const withWord = (block: boolean) =>
          compute({ ...facts, revocations: [...facts.revocations, added(block)] });
        const without = compute(facts);
        const plain = withWord(false);
        const blocked = withWord(true);
        for (const instant of probes(without, plain, blocked)) {
          for (const { code } of facts.features) {
            const idsOf = (timeline: Timeline) => idsAt(timeline, code, instant);
            const later = idsOf(without).filter((id) => beganAfter(facts, id, one.recordedAt));
            expect(idsOf(plain)).toEqual(expect.arrayContaining(later));
            expect(idsOf(without)).toEqual(expect.arrayContaining(idsOf(plain)));
            expect(idsOf(plain)).toEqual(expect.arrayContaining(idsOf(blocked)));
          }
        }
      }),
      runs,
    );
  });

  test('by purchases after a plain revocation loses no day to it, and none is won by it', () => {
    fc.assert(
      fc.property(anyQueue, anyRevocation, (given, one) => {
        const facts = { ...given, revocations: [] };
        const word = { ...one, id: 'rv_added', number: 1, featureCode: 'export', block: false };
        const before = compute(facts);
        const after = compute({ ...facts, revocations: [word] });
        for (const { id } of facts.purchases.filter((p) => p.purchasedAt > one.recordedAt)) {
          expect(timeOf(after, id)).toBeGreaterThanOrEqual(timeOf(before, id));
        }
        for (const instant of probes(before, after)) {
          if (isAllowed(after, 'export', instant)) {
            expect(isAllowed(before, 'export', instant)).toBe(true);
          }
        }
      }),
      runs,
    );
  });

  test('by purchases after a plain revocation is never off while one of them has days left', () => {
    fc.assert(
      fc.property(anyQueue, anyRevocation, (given, one) => {
        const later = given.purchases.filter((p) => p.purchasedAt > one.recordedAt);
        const word = { ...one, id: 'rv_added', number: 1, featureCode: 'export', block: false };
        const facts = { ...given, grants: [], revocations: [] };
        const alone = compute({ ...facts, purchases: later });
        const all = compute({ ...facts, revocations: [word] });
        for (const instant of probes(alone, all)) {
          if (isAllowed(alone, 'export', instant)) {
            expect(isAllowed(all, 'export', instant)).toBe(true);
          }
        }
      }),
      runs,
    );
  });

  test('that was given before a revocation was lifted, or recorded, stays as it was', () => {
    fc.assert(
      fc.property(anyQueue, fc.integer({ min: -10, max: 80 }), (facts, halves) => {
        const now = day(halves / 2);
        const before = compute({
          ...facts,
          revocations: facts.revocations
            .filter(({ recordedAt, validFrom }) => recordedAt < now && validFrom < now)
            .map((one) => ({ ...one, validTo: null, liftedAt: null })),
        });
        const after = compute({
          ...facts,
          revocations: facts.revocations.map((one) => ({
            ...one,
            validTo: null,
            validFrom: one.recordedAt < now ? one.validFrom : Math.max(one.validFrom, now),
            liftedAt: Math.max(one.liftedAt ?? now, now),
          })),
        });
        for (const instant of probes(before, after).filter((probe) => probe < now)) {
          expect(idsAt(after, 'export', instant)).toEqual(idsAt(before, 'export', instant));
        }
      }),
      runs,
    );
  });

  test('that a revocation takes away comes back as it was when it is lifted at its start', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const lifted = facts.revocations.map((one) => ({ ...one, liftedAt: one.validFrom }));
        expect(compute({ ...facts, revocations: lifted })).toEqual(
          compute({ ...facts, revocations: [] }),
        );
      }),
      runs,
    );
  });
});

/**
 * Facts, the same without one source, and its id. No revocations, which a grant that goes may have
 * outweighed; no access_days, since purchases that follow one another move up.
 */
const withoutOne = anyFacts
  .map((facts): Facts => ({ ...withoutDays(facts), revocations: [] }))
  .filter((facts) => sourceIds(facts).length > 0)
  .chain((facts) =>
    fc.constantFrom(...sourceIds(facts)).map((goneId): [Facts, Facts, string] => {
      const rest = <T extends { id: string }>(list: T[]) => list.filter(({ id }) => id !== goneId);
      const { subscriptions, purchases, grants } = facts;
      const fewer = {
        ...facts,
        subscriptions: rest(subscriptions),
        purchases: rest(purchases),
        grants: rest(grants),
      };
      return [facts, fewer, goneId];
    }),
  );

/** Without `access_days`, so that no purchase follows another. */
function withoutDays(facts: Facts): Facts {
  const carries = Object.entries(facts.carries).map(
    ([priceId, carry]) => [priceId, { ...carry, accessDays: null }] as const,
  );
  return { ...facts, carries: Object.fromEntries(carries) };
}

function idsAt(timeline: Timeline, featureCode: string, instant: number): string[] {
  const segment = segmentAt(timeline, featureCode, instant);
  return segment === null ? [] : sourcesOf(segment).map(({ id }) => id);
}

/** For how long a source counts. */
function timeOf(timeline: Timeline, id: string): number {
  return timeline
    .filter((segment) => sourcesOf(segment).some((source) => source.id === id))
    .reduce((sum, { validFrom, validTo }) => sum + (validTo ?? NaN) - (validFrom ?? NaN), 0);
}

/** Whether all of a source was bought or subscribed to after an instant. */
function beganAfter(facts: Facts, id: string, instant: number): boolean {
  return (
    facts.purchases.some((one) => one.id === id && one.purchasedAt > instant) ||
    facts.subscriptions.some(
      (one) =>
        one.id === id &&
        one.items.every((item) => Math.max(one.startDate, item.createdAt) > instant),
    )
  );
}

function sourceIds({ subscriptions, purchases, grants }: Facts): string[] {
  return [...subscriptions, ...purchases, ...grants].map(({ id }) => id);
}
