import { type Bucket, bucketsAt } from './balance.ts';
import { isSame } from './bookings.ts';
import type { Outcome } from './deeds.ts';
import type { BucketRow } from './facts.ts';

/** What a deed adds to the reported overage, and its outcome with the rows that keep what was reported. */
export interface ReportedOutcome {
  units: number;
  outcome: Outcome;
}

/**
 * Returns how many units of a deed are beyond the balance and were not reported before; negative if a reversal
 * takes reported units back.
 *
 * The rows of the running buckets keep what was reported, so no unit is reported twice: neither if a hold is
 * settled after others used its units, nor if the user tops up and overdraws again. Held units are not used yet.
 * In a bucket that has ended, a reversal takes back what was reported there.
 */
export function reportOverage(outcome: Outcome, at: number): ReportedOutcome {
  // Overage is booked on the bucket that ends last.
  const running = bucketsAt(outcome.facts, at)
    .toReversed()
    .map((bucket) => ({ bucket, row: rowOf(outcome, bucket) }));
  const isRunning = (one: Key): boolean => running.some(({ bucket }) => isSame(bucket, one));
  const reported = running.reduce((sum, { row }) => sum + (row?.reported ?? 0), 0);
  const { balance, held } = outcome.balance;
  const missing = Math.max(0, -(balance + held)) - reported;
  const changes = new Changes();
  if (outcome.units > 0) {
    let rest = between(0, missing, outcome.units);
    for (const { bucket, row } of running) {
      if (row === undefined) continue;
      const room = Math.max(0, bucket.used - bucket.amount - bucket.rolledOver - row.reported);
      rest -= changes.add(row, Math.min(rest, room));
    }
    return changes.applied(outcome);
  }
  const returned = outcome.bookings.filter(isRunning).reduce((sum, one) => sum - one.units, 0);
  let rest = between(0, -missing, returned);
  for (const { row } of running) {
    if (row !== undefined) rest += changes.add(row, -Math.min(rest, row.reported));
  }
  for (const booking of outcome.bookings) {
    const row = isRunning(booking) ? undefined : rowOf(outcome, booking);
    if (row !== undefined) changes.add(row, -Math.min(-booking.units, row.reported));
  }
  return changes.applied(outcome);
}

type Key = Pick<Bucket, 'part' | 'periodStart'>;

function rowOf({ facts }: Outcome, key: Key): BucketRow | undefined {
  return facts.rows.find((row) => isSame(row, key));
}

/** Changes of what was reported, by row. */
class Changes {
  readonly #units = new Map<BucketRow, number>();

  /** Returns the added units. */
  add(row: BucketRow, units: number): number {
    if (units !== 0) this.#units.set(row, (this.#units.get(row) ?? 0) + units);
    return units;
  }

  applied(outcome: Outcome): ReportedOutcome {
    const changed = new Map(
      [...this.#units].map(([row, units]) => [row, { ...row, reported: row.reported + units }]),
    );
    const renew = (row: BucketRow): BucketRow => changed.get(row) ?? row;
    const others = [...changed].filter(([row]) => !outcome.rows.includes(row));
    return {
      units: [...this.#units.values()].reduce((sum, units) => sum + units, 0),
      outcome: {
        ...outcome,
        rows: [...outcome.rows.map(renew), ...others.map(([, row]) => row)],
        facts: { ...outcome.facts, rows: outcome.facts.rows.map(renew) },
      },
    };
  }
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
