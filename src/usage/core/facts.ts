import type { Allowance as TimelineAllowance, SourceRef } from '../../entitlements/core/facts.ts';
import type { Interval } from '../../entitlements/core/intervals.ts';

/*
 * The facts from which a user's balance of one metered feature is computed: plain data, instants as whole
 * epoch milliseconds, Infinity for "never", units as integers. Allowances come from the timeline and are
 * never stored as balances; only usage is stored.
 */

/** What one source gives of the feature. `every` is only shown: `interval` says how long a period is. */
export interface Allowance extends Omit<TimelineAllowance, 'every'> {
  /** The price that gives it; null for a grant. */
  priceId: string | null;
}

/** At most `max` unused units are carried over, each for at most `periods` periods after its own. */
export type Rollover = NonNullable<Allowance['rollover']>;

/** An allowance that counts at the instant. */
export interface CountingAllowance extends Allowance {
  source: SourceRef;
  /** The window around the instant in which the part counts without a break; `to` may be Infinity. */
  from: number;
  to: number;
}

/** An allowance as it was known, and counted, over a past interval. */
export interface PastAllowance extends Interval {
  allowance: Allowance;
}

/** The stored usage of one bucket: of one part over one period. */
export interface BucketRow {
  part: string;
  periodStart: number;
  periodEnd: number;
  /** The price and the schedule to which the period belongs (`scheduledPeriod`). */
  priceId: string | null;
  schedule: string;
  /** The own amount of the period when the row was last written. */
  amount: number;
  /** The units used. Held units are not included. */
  used: number;
  /** The units beyond the balance that were reported to a billing meter. */
  reported: number;
  /** When units were last taken from the bucket while it was running. */
  usedAt: number;
}

/** Units of an entry or a hold that are counted in one bucket; negative in a reversal. */
export interface Booking {
  part: string;
  periodStart: number;
  units: number;
}

/** A hold that is neither settled nor released. */
export interface Hold {
  id: string;
  /** In burn order. */
  bookings: readonly Booking[];
  /** From this instant on the hold no longer counts. */
  expiresAt: number;
}

/** All facts about one user and one feature at an instant. */
export interface UsageFacts {
  /** The allowances of the timeline at the instant, one per part. */
  allowances: readonly CountingAllowance[] | 'unlimited';
  /**
   * What was known of each part whose allowance has a rollover, in any order. A part that was unknown, or did
   * not count, when a period ended carries nothing over from it.
   */
  past: readonly PastAllowance[];
  /**
   * The stored rows of the user and feature, in any order. Rows of ended periods may be left out if the
   * allowance of their part has no rollover, except the last with units of each part and those of bookings.
   */
  rows: readonly BucketRow[];
  holds: readonly Hold[];
}
