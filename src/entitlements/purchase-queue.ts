import { union, without, type Interval, type Intervals } from './intervals.ts';
import { after, daysMs } from './stretches.ts';

/** What a plain revocation does to a queue of purchases: nothing waits for what it takes. */
export interface SetAside {
  /** It takes the purchases made at or before this instant; those made later do not wait for them. */
  recordedAt: number;
  /** Where the revocation is in force. */
  over: Intervals;
}

/** The days of one purchase, laid into the time that those in front of it leave. */
export interface Turn {
  pieces: Intervals;
  /** Where the last of its days ends; Infinity = never. */
  usedUpAt: number;
}

/**
 * The queue of the purchases of one price, for one feature, asked in the order in which they were made.
 * The days of a purchase run from its making on, while none in front of it gives the feature; one that
 * was set aside before the purchase was made is not in front of it while that lasts.
 */
export function createPurchaseQueue(setAside: readonly SetAside[]) {
  const toCome = setAside.toSorted((a, b) => a.recordedAt - b.recordedAt);
  let next = 0;
  let occupied: Interval[] = [];

  return {
    /** When the days of a purchase run, should nothing end it before. */
    turnOf(purchasedAt: number, accessDays: number): Turn {
      for (let one = toCome[next]; one && one.recordedAt < purchasedAt; one = toCome[next]) {
        occupied = without(occupied, one.over);
        next += 1;
      }
      occupied = occupied.filter(({ to }) => to > purchasedAt);
      return layInto(occupied, purchasedAt, daysMs(accessDays));
    },
    /** Puts what the last purchase gives in front of those that follow. */
    occupy(pieces: Intervals): void {
      occupied = union(occupied, pieces);
    },
  };
}

/** Lays a length of time into the gaps between what is occupied, the first from an instant on. */
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
