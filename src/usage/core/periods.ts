import type { BillingInterval } from '../../entitlements/core/facts.ts';
import type { Interval } from '../../entitlements/core/intervals.ts';
import type { Allowance } from './facts.ts';

/** The period of an allowance, and the schedule that determines where it begins and ends. */
export interface ScheduledPeriod extends Interval {
  /** `once`, `trial`, or the interval, such as `1 month`. */
  schedule: string;
}

/** The schedule of an amount that is given once, for as long as the source counts. */
export const once = 'once';

/** The schedule of the stretch before the anchor, which ends whenever the anchor is. */
export const trial = 'trial';

const dayMs = 86_400_000;
const lengths = {
  day: { days: 1, months: 0 },
  week: { days: 7, months: 0 },
  month: { days: 0, months: 1 },
  year: { days: 0, months: 12 },
};

/** Returns the period of an allowance that contains an instant, regardless of what is stored. */
export function scheduledPeriod(
  { interval, startAt, anchorAt }: Allowance,
  instant: number,
): ScheduledPeriod {
  if (interval === null) return { schedule: once, from: startAt, to: Infinity };
  if (instant < anchorAt) return { schedule: trial, from: startAt, to: anchorAt };
  const number = periodNumber(anchorAt, interval, instant);
  return {
    schedule: `${interval.count} ${interval.unit}`,
    from: periodStart(anchorAt, interval, number),
    to: periodStart(anchorAt, interval, number + 1),
  };
}

/** Returns how many whole periods lie between the anchor and an instant. */
function periodNumber(anchorAt: number, interval: BillingInterval, instant: number): number {
  const { days, months } = lengths[interval.unit];
  if (months === 0) return Math.floor((instant - anchorAt) / (days * interval.count * dayMs));
  const number = Math.floor((monthOf(instant) - monthOf(anchorAt)) / (months * interval.count));
  // In its last month, the instant may come before the day and time of the anchor.
  return periodStart(anchorAt, interval, number) > instant ? number - 1 : number;
}

/**
 * Returns where a period begins. Each start is counted from the anchor, so a short month does not move the
 * later ones: Jan 31, Feb 28, Mar 31, as Stripe does.
 */
function periodStart(anchorAt: number, { unit, count }: BillingInterval, number: number): number {
  const { days, months } = lengths[unit];
  return monthsAfter(anchorAt, months * count * number) + days * count * number * dayMs;
}

/** Returns the same day and time in UTC `count` months later; the last day if the month is too short. */
function monthsAfter(instant: number, count: number): number {
  const date = new Date(instant);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + count);
  date.setUTCDate(Math.min(day, lastDayOf(date.getUTCFullYear(), date.getUTCMonth())));
  return date.getTime();
}

/** Returns the number of days of a month. Day 0 of the next month is the last day of this one. */
function lastDayOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}

/** Returns the number of a month, counted without gaps over the years. */
function monthOf(instant: number): number {
  const date = new Date(instant);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
