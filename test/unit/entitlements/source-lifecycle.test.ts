import fc from 'fast-check';
import { expect, test } from 'vitest';

import { covers, daysAfter, lifecycleOf } from '../../../src/entitlements/core/source-lifecycle.ts';

const instant = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(-Infinity, Infinity));
const bounds = fc.record({
  startAt: fc.integer({ min: 0, max: 9 }),
  overdueAt: instant,
  endAt: instant,
});

test('the phases of a source cover all of time, in order, without gaps or overlaps', () => {
  fc.assert(
    fc.property(bounds, (one) => {
      const lifecycle = lifecycleOf(one);
      expect(lifecycle.map(({ from }) => from)).toEqual([
        -Infinity,
        ...lifecycle.slice(0, -1).map(({ to }) => to),
      ]);
      expect(lifecycle.at(-1)?.to).toBe(Infinity);
      expect(lifecycle.every(({ from, to }) => from < to)).toBe(true);
    }),
  );
});

test('a phase has its first millisecond and not the one at its end', () => {
  const phase = { from: 10, to: 20 };
  expect([9, 10, 19, 20].map((at) => covers(phase, at))).toEqual([false, true, true, false]);
});

test('a day is 24 hours, and an end after the year 9999 is none', () => {
  const lastDay = Date.UTC(9999, 11, 31);
  expect(daysAfter(5, 2)).toBe(172_800_005);
  expect(daysAfter(lastDay - 86_400_001, 2)).toBe(Date.UTC(9999, 11, 31, 23, 59, 59, 999));
  expect(daysAfter(lastDay, 1)).toBe(Infinity);
});
