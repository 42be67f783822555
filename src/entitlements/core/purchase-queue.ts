import { union, without, type Interval, type Intervals } from './intervals.ts';
import { after, daysMs } from './source-lifecycle.ts';

/** A plain revocation in a queue of purchases: later purchases do not wait for those that it revokes. */
export interface SetAside {
  /** It revokes the purchases made at or before this instant. */
  recordedAt: number;
  /** The period in which the revocation is in force. */
  over: Intervals;
}

/** The periods in which the days of one purchase run. */
export interface Turn {
  pieces: Intervals;
  /** The end of its last day; Infinity = never. */
  usedUpAt: number;
}

/**
 * Queues the purchases of one price for one feature, in the order of purchase. The days of a purchase run
 * while no earlier purchase gives the feature. A purchase that was revoked before a later one was made does
 * not delay the later one while the revocation lasts.
 */
export function createPurchaseQueue(setAside: readonly SetAside[]) {
  const toCome = setAside.toSorted((a, b) => a.recordedAt - b.recordedAt);
  let next = 0;
  let occupied: Interval[] = [];

  return {
    /** Returns when the days of the next purchase run, unless it ends earlier for another reason. */
    turnOf(purchasedAt: number, accessDays: number): Turn {
      for (let one = toCome[next]; one && one.recordedAt < purchasedAt; one = toCome[next]) {
        occupied = without(occupied, one.over);
        next += 1;
      }
      occupied = occupied.filter(({ to }) => to > purchasedAt);
      return layInto(occupied, purchasedAt, daysMs(accessDays));
    },
    /** Reserves the period in which the last purchase gives access, so that later ones wait. */
    occupy(pieces: Intervals): void {
      occupied = union(occupied, pieces);
    },
  };
}

/** Places a duration into the gaps between occupied intervals, from an instant on. */
function layInto(occupied: Intervals, from: number, length: number): Turn {
  const pieces: Interval[] = [];
  let at = from;
  let left = length;
  for (const one of [...occupied, { from: Infinity, to: Infinity }]) {
    if (at < one.from) {
      const usedUpAt = after(at, left);
      const to = Math.min(usedUpAt, one.from);
      pieces.push({ from: at, to });
      if (to === usedUpAt) return { pieces, usedUpAt };
      left -= to - at;
    }
    at = one.to;
  }
  return { pieces, usedUpAt: Infinity };
}
