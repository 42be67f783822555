/*
 * Random lives of a few sources of one metered feature, dense on purpose: all instants are half days, so that
 * ends, changes and deeds coincide, and amounts are small, so that buckets run out.
 */
import fc from 'fast-check';

import type { BillingInterval } from '../../../src/entitlements/core/facts.ts';
import type { Rollover } from '../../../src/usage/core/facts.ts';

/** What a source gives from an instant on. */
export interface Version {
  at: number;
  amount: number;
  interval: BillingInterval | null;
  rollover: Rollover | null;
  anchorAt: number;
  priceId: string;
}

export interface WorldSource {
  part: string;
  startAt: number;
  /** The first is from `startAt`. */
  versions: Version[];
  /** When the source counts, in order, with gaps in between. */
  windows: { from: number; to: number }[];
  /** When the service first heard of the source. */
  knownAt: number;
}

export interface World {
  sources: WorldSource[];
  /** When another source makes the feature unlimited. */
  unlimited: { from: number; to: number };
}

export type Deed = { at: number } & (
  | { kind: 'consume'; amount: number; partial: boolean; overage: 'deny' | 'allow' }
  | { kind: 'hold'; amount: number; forHalfDays: number; overage: 'deny' | 'allow' }
  /** `which` picks one of the holds or entries of before. */
  | { kind: 'settle'; which: number; amount: number }
  | { kind: 'reverse'; which: number }
  | { kind: 'read' }
);

export const halfDayMs = 43_200_000;

/** A bit more than a leap year before the leap day of 2028, so that every month end is reached. */
const firstDay = Date.UTC(2027, 0, 1);

const halfDays = (min: number, max: number) =>
  fc.integer({ min, max }).map((count) => count * halfDayMs);

const interval = fc.constantFrom<(BillingInterval | null)[]>(
  null,
  { unit: 'day', count: 1 },
  { unit: 'day', count: 3 },
  { unit: 'week', count: 1 },
  { unit: 'month', count: 1 },
  { unit: 'month', count: 1 },
  { unit: 'month', count: 2 },
  { unit: 'year', count: 1 },
);

const rollover = fc.option(
  fc.record({ max: fc.integer({ min: 1, max: 9 }), periods: fc.integer({ min: 1, max: 3 }) }),
  { freq: 3 },
);

const given = fc.record({ amount: fc.integer({ min: 1, max: 6 }), interval, rollover });

const change = fc.record({
  after: halfDays(1, 120),
  given: fc.record(
    {
      ...{ amount: fc.integer({ min: 1, max: 6 }), interval, rollover },
      priceId: fc.constantFrom('price_1', 'price_2'),
    },
    { requiredKeys: [] },
  ),
  anchor: fc.constantFrom('keep', 'keep', 'keep', 'now', 'later'),
  later: halfDays(1, 30),
});

const source = (part: string, base: number): fc.Arbitrary<WorldSource> =>
  fc
    .record({
      start: halfDays(0, 60),
      given,
      // Before the start: an item that joined a running subscription. After it: a trial.
      anchor: fc.oneof(fc.constant(0), fc.constant(0), halfDays(-800, 0), halfDays(1, 60)),
      changes: fc.array(change, { maxLength: 3 }),
      windows: fc.array(fc.tuple(halfDays(0, 60), halfDays(1, 250)), {
        minLength: 1,
        maxLength: 3,
      }),
      lastEnd: fc.constantFrom('own', 'never', 'common'),
      known: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, halfDays(0, 40)),
    })
    .map(({ start, given: first, anchor, changes, windows, lastEnd, known }) => {
      const startAt = base + start;
      const versions: Version[] = [
        { ...first, priceId: 'price_1', at: startAt, anchorAt: startAt + anchor },
      ];
      for (const { after, given: next, anchor: move, later } of changes) {
        const last = versions.at(-1);
        if (last === undefined) continue;
        const at = last.at + after;
        const isTrial = at < last.anchorAt;
        const anchorAt =
          move === 'now' ? at : move === 'later' && isTrial ? at + later : last.anchorAt;
        versions.push({ ...last, ...next, at, anchorAt });
      }
      let from = startAt;
      const counts = windows.map(([gap, length], index) => {
        const begun = index === 0 ? startAt : from + gap + halfDayMs;
        from = begun + length;
        return { from: begun, to: from };
      });
      const last = counts.at(-1);
      const commonEnd = base + 250 * halfDayMs;
      if (last !== undefined && lastEnd !== 'own') {
        if (lastEnd === 'never') last.to = Infinity;
        else if (last.from < commonEnd) last.to = commonEnd;
      }
      return { part, startAt, versions, windows: counts, knownAt: startAt + known };
    });

const deed = fc.oneof(
  fc.record({
    kind: fc.constant('consume' as const),
    amount: fc.integer({ min: 1, max: 8 }),
    partial: fc.boolean(),
    overage: fc.constantFrom('deny', 'deny', 'allow'),
  }),
  fc.record({
    kind: fc.constant('hold' as const),
    amount: fc.integer({ min: 1, max: 6 }),
    forHalfDays: fc.integer({ min: 1, max: 60 }),
    overage: fc.constantFrom('deny', 'deny', 'allow'),
  }),
  fc.record({ kind: fc.constant('settle' as const), which: fc.nat(), amount: fc.nat(8) }),
  fc.record({ kind: fc.constant('reverse' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('read' as const) }),
);

/** A world and what happens in it, in order of time. */
export const anyStory: fc.Arbitrary<{ world: World; deeds: Deed[] }> = fc
  .integer({ min: 0, max: 800 })
  .chain((days) => {
    const base = firstDay + days * 2 * halfDayMs;
    return fc.record({
      world: fc.record({
        sources: fc.oneof(
          fc.tuple(source('a', base)),
          fc.tuple(source('a', base), source('b', base)),
          fc.tuple(source('a', base), source('b', base), source('c', base)),
        ),
        unlimited: fc.tuple(halfDays(0, 200), halfDays(0, 20)).map(([from, length]) => ({
          from: base + from,
          to: base + from + length,
        })),
      }),
      deeds: fc
        .array(fc.tuple(halfDays(0, 12), deed), { minLength: 5, maxLength: 40 })
        .map((steps) => {
          let at = base;
          return steps.map(([wait, one]) => ({ ...one, at: (at += wait) }));
        }),
    });
  });
