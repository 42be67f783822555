import type { Price } from '../state/tables.ts';

type Recurring = Pick<NonNullable<Price['recurring']>, 'interval' | 'interval_count'>;

const secondsPerDay = 86_400;

/**
 * Returns the first period end after a timestamp, in epoch seconds. Periods are counted from the anchor: if
 * it is on the 31st, a period ends on the last day of February and the next on March 31.
 */
export function periodEnd(anchor: number, after: number, recurring: Recurring): number {
  return periodAround(anchor, after, recurring).end;
}

/**
 * Returns the period that contains a timestamp. For a timestamp before the anchor, returns the interval that
 * ends at the anchor.
 */
export function periodAround(
  anchor: number,
  instant: number,
  recurring: Recurring,
): { start: number; end: number } {
  let start = addInterval(anchor, recurring, -1);
  for (let count = 0; ; count += 1) {
    const end = addInterval(anchor, recurring, count);
    if (end > instant) {
      return { start, end };
    }
    start = end;
  }
}

export function addDays(instant: number, days: number): number {
  return instant + days * secondsPerDay;
}

/**
 * Returns the timestamp `count` intervals later. Month arithmetic keeps the day, or uses a shorter month's
 * last day.
 */
export function addInterval(instant: number, recurring: Recurring, count: number): number {
  const steps = count * recurring.interval_count;
  switch (recurring.interval) {
    case 'day':
      return addDays(instant, steps);
    case 'week':
      return addDays(instant, 7 * steps);
    case 'year':
      return addMonths(instant, 12 * steps);
    case 'month':
      return addMonths(instant, steps);
  }
}

export function addMonths(instant: number, months: number): number {
  const from = new Date(instant * 1000);
  const to = new Date(instant * 1000);
  to.setUTCDate(1);
  to.setUTCMonth(from.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(to.getUTCFullYear(), to.getUTCMonth() + 1, 0)).getUTCDate();
  to.setUTCDate(Math.min(from.getUTCDate(), lastDay));
  return Math.floor(to.getTime() / 1000);
}
