import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { BillingInterval } from '../../../src/entitlements/core/facts.ts';
import { scheduledPeriod } from '../../../src/usage/core/periods.ts';
import { allowanceOf, daily, dateOf, monthly, on, yearly } from './usage-of.ts';

/** The starts of the periods from an anchor, each found at the end of the one before. */
function startsFrom(anchor: string, interval: BillingInterval, count: number): string[] {
  const allowance = allowanceOf({ startAt: on(anchor), interval });
  const starts: string[] = [];
  for (let at = on(anchor); starts.length < count;) {
    const { from, to } = scheduledPeriod(allowance, at);
    starts.push(dateOf(from));
    at = to;
  }
  return starts;
}

/** The period of 2026 and later that covers an instant. */
function periodOn(at: string, given: Parameters<typeof allowanceOf>[0]): string {
  const { schedule, from, to } = scheduledPeriod(allowanceOf(given), on(at));
  return `${schedule}: ${dateOf(from)}…${dateOf(to)}`;
}

describe('monthly periods', () => {
  test('from Jan 31 end on the last day of each month and do not drift', () => {
    expect(startsFrom('2026-01-31', monthly, 15)).toEqual([
      ...['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31', '2026-06-30'],
      ...['2026-07-31', '2026-08-31', '2026-09-30', '2026-10-31', '2026-11-30', '2026-12-31'],
      ...['2027-01-31', '2027-02-28', '2027-03-31'],
    ]);
  });

  test.each([
    ['2028-01-29', ['2028-01-29', '2028-02-29', '2028-03-29']],
    ['2028-01-30', ['2028-01-30', '2028-02-29', '2028-03-30']],
    ['2028-01-31', ['2028-01-31', '2028-02-29', '2028-03-31']],
    ['2027-01-29', ['2027-01-29', '2027-02-28', '2027-03-29']],
    ['2100-01-30', ['2100-01-30', '2100-02-28', '2100-03-30']],
    ['2000-01-31', ['2000-01-31', '2000-02-29', '2000-03-31']],
  ])('from %s know leap years', (anchor, starts) => {
    expect(startsFrom(anchor, monthly, 3)).toEqual(starts);
  });

  test.each(Array.from({ length: 12 }, (_, month) => month))(
    'from the last day of month %i start on the last day at the latest, and a year later on the same day',
    (month) => {
      const anchor = new Date(Date.UTC(2026, month + 1, 0)).toISOString().slice(0, 10);
      const day = Number(anchor.slice(8));
      const starts = startsFrom(anchor, monthly, 13).map((one) =>
        one.slice(5).split('-').map(Number),
      );
      for (const [monthOfYear = 0, dayOfMonth] of starts) {
        const lastDay = new Date(Date.UTC(2026, monthOfYear, 0)).getUTCDate();
        expect(dayOfMonth).toBe(Math.min(day, lastDay));
      }
      expect(starts.at(-1)).toEqual(starts[0]);
    },
  );

  test('keep the time of day', () => {
    const given = { startAt: on('2026-01-31T10:30') };
    expect(periodOn('2026-02-28T10:29', given)).toBe('1 month: 2026-01-31T10:30…2026-02-28T10:30');
    expect(periodOn('2026-02-28T10:30', given)).toBe('1 month: 2026-02-28T10:30…2026-03-31T10:30');
  });

  test('of a quarter are counted from the anchor', () => {
    expect(startsFrom('2025-11-30', { unit: 'month', count: 3 }, 4)).toEqual([
      ...['2025-11-30', '2026-02-28', '2026-05-30', '2026-08-30'],
    ]);
  });
});

describe('other periods', () => {
  test('of a year from Feb 29 start on Feb 28 until the next leap year', () => {
    expect(startsFrom('2028-02-29', yearly, 5)).toEqual([
      ...['2028-02-29', '2029-02-28', '2030-02-28', '2031-02-28', '2032-02-29'],
    ]);
  });

  test('of days and weeks have a fixed length', () => {
    expect(startsFrom('2026-02-27', daily, 3)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
    expect(startsFrom('2026-12-30', { unit: 'week', count: 2 }, 2)).toEqual([
      ...['2026-12-30', '2027-01-13'],
    ]);
  });

  test('before the anchor are one trial', () => {
    const given = { startAt: on('2026-01-15'), anchorAt: on('2026-03-01') };
    expect(periodOn('2026-01-15', given)).toBe('trial: 2026-01-15…2026-03-01');
    expect(periodOn('2026-02-28', given)).toBe('trial: 2026-01-15…2026-03-01');
    expect(periodOn('2026-03-01', given)).toBe('1 month: 2026-03-01…2026-04-01');
  });

  test('of an item that joined a running subscription are those of the subscription', () => {
    const given = { startAt: on('2026-03-10'), anchorAt: on('2026-01-01') };
    expect(periodOn('2026-03-10', given)).toBe('1 month: 2026-03-01…2026-04-01');
  });

  test('of what is given once are one without an end', () => {
    expect(periodOn('2036-01-01', { interval: null })).toBe('once: 2026-01-15…never');
  });
});

test('every instant is in its period, and the periods of an anchor join without gaps', () => {
  const instant = fc.integer({ min: on('2020-01-01'), max: on('2060-01-01') });
  const unit = fc.constantFrom('day', 'week', 'month', 'year');
  fc.assert(
    fc.property(instant, instant, unit, fc.integer({ min: 1, max: 12 }), (a, b, name, count) => {
      const interval = { unit: name, count };
      const allowance = allowanceOf({ startAt: Math.min(a, b), interval });
      const period = scheduledPeriod(allowance, Math.max(a, b));
      expect(period.from).toBeLessThanOrEqual(Math.max(a, b));
      expect(period.to).toBeGreaterThan(Math.max(a, b));
      expect(scheduledPeriod(allowance, period.to).from).toBe(period.to);
      expect(scheduledPeriod(allowance, period.to - 1)).toEqual(period);
    }),
  );
});
