import { type Bucket, leftIn } from './balance.ts';
import type { Booking, BucketRow } from './facts.ts';

/** Takes units from buckets in their order. What none of them has overdraws the last. */
export function burn(buckets: readonly Bucket[], units: number): Booking[] {
  let missing = units;
  return buckets.flatMap((bucket, index) => {
    const isLast = index === buckets.length - 1;
    const taken = isLast ? missing : Math.min(missing, Math.max(0, leftIn(bucket)));
    missing -= taken;
    const { part, periodStart } = bucket;
    return taken === 0 ? [] : [{ part, periodStart, units: taken }];
  });
}

/** Returns the first units of a list of bookings. */
export function firstUnits(bookings: readonly Booking[], units: number): Booking[] {
  let missing = units;
  return bookings.flatMap((booking) => {
    const taken = Math.min(missing, booking.units);
    missing -= taken;
    return taken === 0 ? [] : [{ ...booking, units: taken }];
  });
}

/** Returns the bookings with one for each bucket. */
export function merged(bookings: readonly Booking[]): Booking[] {
  const byBucket = Map.groupBy(bookings, ({ part, periodStart }) => `${periodStart} ${part}`);
  return [...byBucket.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ ...first, units: unitsOf([first, ...others]) }],
  );
}

export function unitsOf(bookings: readonly Booking[]): number {
  return bookings.reduce((sum, { units }) => sum + units, 0);
}

type BucketKey = Pick<BucketRow, 'part' | 'periodStart'>;

export function isSame(a: BucketKey, b: BucketKey): boolean {
  return a.part === b.part && a.periodStart === b.periodStart;
}
