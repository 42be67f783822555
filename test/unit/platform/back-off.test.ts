import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs, outageBackOffMs } from '../../../src/platform/back-off.ts';

const bounds = { first: 1_000, last: 60_000 };

test('the wait doubles with each failed attempt, up to the longest', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => backOffMs(bounds, attempt));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

test('attempts that were restored start over with the shortest wait', () => {
  expect(backOffMs(bounds, 0)).toBe(1_000);
});

test('during an outage the wait is as long as the outage took so far', () => {
  const waits = [-5, 0, 999, 1_500, 59_999, 60_001].map((waited) =>
    outageBackOffMs(bounds, waited),
  );
  expect(waits).toEqual([1_000, 1_000, 1_000, 1_500, 59_999, 60_000]);
});

test('no wait leaves its bounds, however many attempts there were', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer(), (attempt, waited) => {
      for (const wait of [backOffMs(bounds, attempt), outageBackOffMs(bounds, waited)]) {
        expect(wait).toBeGreaterThanOrEqual(bounds.first);
        expect(wait).toBeLessThanOrEqual(bounds.last);
      }
    }),
  );
});
