import { union, without, type Interval, type Intervals } from './intervals.ts';
import { after, daysMs } from './source-lifecycle.ts';

/** The effect of a revocation without `block` on a queue: later purchases do not wait for revoked ones. */
export interface SetAside {
  /** It revokes the purchases made at or before this instant. */
  recordedAt: number;
  /** The period in which the revocation is in force. */
  over: Intervals;
}

/** The periods in which the days of one purchase run. */
export interface PurchasePeriods {
  periods: Intervals;
  /** The end of its last day; Infinity if it has none. */
  usedUpAt: number;
}

/**
 * Queues the purchases of one price for one feature, in the order of purchase. The days of a purchase run
 * while no earlier purchase gives the feature. A revoked purchase does not delay one that was made after the
 * revocation, while the revocation is in force.
 */
export function createPurchaseQueue(setAside: readonly SetAside[]) {
  const pending = setAside.toSorted((a, b) => a.recordedAt - b.recordedAt);
  let next = 0;
  let occupied: Interval[] = [];

  return {
    /** Returns the periods of the next purchase, unless it ends earlier for another reason. */
    schedule(purchasedAt: number, accessDays: number): PurchasePeriods {
      for (let one = pending[next]; one && one.recordedAt < purchasedAt; one = pending[next]) {
        occupied = without(occupied, one.over);
        next += 1;
      }
      occupied = occupied.filter(({ to }) => to > purchasedAt);
      return fillGaps(occupied, purchasedAt, daysMs(accessDays));
    },
    /** Reserves the periods in which the last purchase gives access, so that later ones wait. */
    occupy(periods: Intervals): void {
      occupied = union(occupied, periods);
    },
  };
}

/** Fills the gaps between occupied intervals with a duration, from an instant on. */
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
