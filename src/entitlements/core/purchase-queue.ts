import { union, without, type Interval, type Intervals } from './intervals.ts';
import { after, daysMs } from './source-lifecycle.ts';

/** A plain revocation as a queue of purchases sees it: nothing waits for what the revocation takes. */
export interface SetAside {
  /** It takes the purchases made at or before this instant; later purchases do not wait for these. */
  recordedAt: number;
  /** When the revocation is in force. */
  over: Intervals;
}

/** When the days of one purchase run. */
export interface Turn {
  pieces: Intervals;
  /** When its last day ends; Infinity = never. */
  usedUpAt: number;
}

/**
 * Queues the purchases of one price for one feature, in the order in which they were made. The days of a
 * purchase run from that instant on, while no purchase in front of it gives the feature. A purchase that was
 * revoked before a new one was made does not delay the new one while the revocation lasts.
 */
export function createPurchaseQueue(setAside: readonly SetAside[]) {
  const toCome = setAside.toSorted((a, b) => a.recordedAt - b.recordedAt);
  let next = 0;
  let occupied: Interval[] = [];

  return {
    /** Returns when the days of the next purchase run, unless something ends it earlier. */
    turnOf(purchasedAt: number, accessDays: number): Turn {
      for (let one = toCome[next]; one && one.recordedAt < purchasedAt; one = toCome[next]) {
        occupied = without(occupied, one.over);
        next += 1;
      }
      occupied = occupied.filter(({ to }) => to > purchasedAt);
      return layInto(occupied, purchasedAt, daysMs(accessDays));
    },
    /** Reserves the time in which the last purchase gives: those behind it wait. */
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
