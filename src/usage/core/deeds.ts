import { type Balance, balanceOf, type Bucket, bucketsAt } from './balance.ts';
import { burn, firstUnits, isSame, merged, unitsOf } from './bookings.ts';
import type { Booking, BucketRow, Hold, UsageFacts } from './facts.ts';
import { once } from './periods.ts';

/** What a deed does: its answer, and what to store in its transaction. */
export interface Outcome {
  /** The units used or held; negative if given back; 0 if the deed was denied. */
  units: number;
  /** The balance after the deed. */
  balance: Balance;
  /** The buckets in which the units count, in the order of use. The entry or the hold keeps them. */
  bookings: Booking[];
  /** The rows to write, each as a whole. */
  rows: BucketRow[];
  /** The facts after the deed, for the next deed of the same transaction. */
  facts: UsageFacts;
}

export interface ConsumeRules {
  /** Whether units beyond what is left may be used. */
  overage: 'deny' | 'allow';
  /** Whether to take what is left if that is less. */
  partial: boolean;
}

/** Uses units. If the rules deny it, changes nothing. */
export function consume(
  facts: UsageFacts,
  amount: number,
  rules: ConsumeRules,
  at: number,
): Outcome {
  const buckets = bucketsAt(facts, at);
  const bookings = burn(buckets, allowedOf(buckets, amount, rules));
  return outcome(facts, bookings, rowsOf(facts, buckets, bookings, at), at);
}

/**
 * Holds units, which then count as used until the hold is settled or expires. If the rules deny it, changes
 * nothing. The rows to write do not include the held units: they make the buckets known.
 */
export function hold(
  facts: UsageFacts,
  amount: number,
  { id, expiresAt, overage }: Pick<Hold, 'id' | 'expiresAt'> & Pick<ConsumeRules, 'overage'>,
  at: number,
): Outcome {
  const buckets = bucketsAt(facts, at);
  const bookings = burn(buckets, allowedOf(buckets, amount, { overage, partial: false }));
  if (bookings.length === 0) return outcome(facts, [], [], at);
  const unused = bookings.map((booking) => ({ ...booking, units: 0 }));
  const kept = { ...facts, holds: [...facts.holds, { id, bookings, expiresAt }] };
  return outcome(kept, bookings, rowsOf(facts, buckets, unused, at), at);
}

/**
 * Settles an open hold: uses `amount` units in the buckets where they are held, and gives back the others.
 * What was used beyond the hold is taken from what is left now, and below zero if that is too little, because
 * the work is done. An amount of 0 releases the hold.
 *
 * @param open one of `facts.holds`.
 */
export function settle(facts: UsageFacts, open: Hold, amount: number, at: number): Outcome {
  const buckets = bucketsAt(facts, at);
  const held = firstUnits(open.bookings, amount);
  const beyond = amount - unitsOf(held);
  const extra =
    buckets.length > 0
      ? burn(buckets, beyond)
      : open.bookings.slice(-1).map((last) => ({ ...last, units: beyond }));
  const bookings = merged([...held, ...extra]);
  const settled = { ...facts, holds: facts.holds.filter(({ id }) => id !== open.id) };
  return outcome(settled, bookings, rowsOf(facts, buckets, bookings, at), at);
}

/**
 * Gives back exactly what an entry used, in the same buckets, whether or not they still count. The service
 * makes sure that an entry is reversed once.
 *
 * @param facts with the rows of the entry's bookings.
 */
export function reverse(facts: UsageFacts, entry: readonly Booking[], at: number): Outcome {
  const bookings = entry.map((booking) => ({ ...booking, units: -booking.units }));
  return outcome(facts, bookings, rowsOf(facts, [], bookings, at), at);
}

/** Returns how many of the wanted units may be used. */
function allowedOf(
  buckets: readonly Bucket[],
  amount: number,
  { overage, partial }: ConsumeRules,
): number {
  if (buckets.length === 0) return 0;
  const left = Math.max(0, balanceOf(buckets).balance);
  if (overage === 'allow' || amount <= left) return amount;
  return partial ? left : 0;
}

/**
 * Returns the rows of bookings with their units added: of running buckets as they are now, of others as they
 * are stored.
 */
function rowsOf(
  facts: UsageFacts,
  buckets: readonly Bucket[],
  bookings: readonly Booking[],
  at: number,
): BucketRow[] {
  return bookings.map((booking) => {
    const bucket = buckets.find((one) => isSame(one, booking));
    const row = bucket === undefined ? rowIn(facts, booking) : rowOf(facts, bucket, at);
    return { ...row, used: row.used + booking.units };
  });
}

function rowOf({ rows }: UsageFacts, bucket: Bucket, usedAt: number): BucketRow {
  const { part, periodStart, priceId, schedule, amount, used } = bucket;
  const periodEnd = schedule === once ? Infinity : bucket.periodEnd;
  const reported = rows.find((row) => isSame(row, bucket))?.reported ?? 0;
  return { part, periodStart, periodEnd, priceId, schedule, amount, used, reported, usedAt };
}

function rowIn({ rows }: UsageFacts, booking: Booking): BucketRow {
  const row = rows.find((one) => isSame(one, booking));
  if (row === undefined) throw new Error(`The bucket of a booking of ${booking.part} is missing.`);
  return row;
}

function outcome(facts: UsageFacts, bookings: Booking[], rows: BucketRow[], at: number): Outcome {
  const others = facts.rows.filter((row) => !rows.some((one) => isSame(one, row)));
  const after = { ...facts, rows: [...others, ...rows] };
  const balance = balanceOf(bucketsAt(after, at));
  return { units: unitsOf(bookings), balance, bookings, rows, facts: after };
}
