/** A half-open interval `[from, to)` in epoch milliseconds, with ±Infinity for an open bound. */
export interface Interval {
  from: number;
  to: number;
}

/** Sorted, non-empty intervals that neither overlap nor touch. */
export type Intervals = readonly Interval[];

/** Returns the parts of `intervals` that lie outside `removed`, in linear time. */
export function without(intervals: Intervals, removed: Intervals): Interval[] {
  const left: Interval[] = [];
  let next = 0;
  for (const { from, to } of intervals) {
    let at = from;
    for (let cut = removed[next]; cut !== undefined && cut.from < to; cut = removed[next]) {
      if (at < cut.from) left.push({ from: at, to: cut.from });
      at = Math.max(at, cut.to);
      if (cut.to > to) break; // `cut` may also overlap the next interval
      next += 1;
    }
    if (at < to) left.push({ from: at, to });
  }
  return left;
}

/** Returns the union of both lists. */
export function union(some: Intervals, others: Intervals): Interval[] {
  const all: Interval[] = [];
  for (const { from, to } of [...some, ...others].toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last === undefined || last.to < from) all.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return all;
}
