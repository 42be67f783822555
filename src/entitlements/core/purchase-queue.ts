import { union, without, type Interval, type Intervals } from './intervals.ts';
import { after, daysMs } from './source-lifecycle.ts';

/** The effect on a queue of a revocation without `block`: later purchases do not wait for revoked ones. */
export interface SetAside {
  /** Purchases made at or before this instant are revoked. */
  recordedAt: number;
  /** The periods in which the revocation is in force. */
  over: Intervals;
}

/** The periods in which the days of one purchase run. */
export interface PurchasePeriods {
  periods: Intervals;
  /** When the last of the purchase's days ends; Infinity if it never does. */
  usedUpAt: number;
}

/**
 * Queues the purchases of one price for one feature, in the order of purchase. A purchase's days run only
 * while no earlier purchase gives the feature. While a revocation is in force, purchases made before it do
 * not delay those made after it.
 */
export function createPurchaseQueue(setAside: readonly SetAside[]) {
  const pending = setAside.toSorted((a, b) => a.recordedAt - b.recordedAt);
  let next = 0;
  let occupied: Interval[] = [];

  return {
    /** Returns the periods of the next purchase, assuming that it ends only when its days run out. */
    schedule(purchasedAt: number, accessDays: number): PurchasePeriods {
      for (let one = pending[next]; one && one.recordedAt < purchasedAt; one = pending[next]) {
        occupied = without(occupied, one.over);
        next += 1;
      }
      occupied = occupied.filter(({ to }) => to > purchasedAt);
      return fillGaps(occupied, purchasedAt, daysMs(accessDays));
    },
    /** Reserves the periods in which the last purchase gives access, so that later purchases wait. */
    occupy(periods: Intervals): void {
      occupied = union(occupied, periods);
    },
  };
}

/** Places `length` milliseconds in the gaps between occupied intervals, starting at `from`. */
function fillGaps(occupied: Intervals, from: number, length: number): PurchasePeriods {
  const periods: Interval[] = [];
  let at = from;
  let left = length;
  for (const one of [...occupied, { from: Infinity, to: Infinity }]) {
    if (at < one.from) {
      const usedUpAt = after(at, left);
      const to = Math.min(usedUpAt, one.from);
      periods.push({ from: at, to });
      if (to === usedUpAt) return { periods, usedUpAt };
      left -= to - at;
    }
    at = one.to;
  }
  return { periods, usedUpAt: Infinity };
}
