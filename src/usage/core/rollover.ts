import type { CountingAllowance, PastAllowance, Rollover } from './facts.ts';
import { once } from './periods.ts';
import { runningBucket, type UsedBucket } from './running-bucket.ts';

/** The most periods for which a unit is carried over (`isGivenAllowance`). */
const maxPeriods = 12;

/** A past bucket, as it was when it ended. */
interface EndedBucket {
  amount: number;
  used: number;
  rollover: Rollover | null;
  /** Whether another period took its place before its end. */
  isCut: boolean;
}

/**
 * Returns the units that are carried over into a period that begins at `periodStart`.
 *
 * Each past period passes on what it left unused, by the amount and the rule that were known when it ended;
 * the present rule caps the result. So neither an upgrade nor a new rule creates units of the past. Carried
 * units are used first, the oldest before the newer; those above `max` are dropped, the oldest first.
 *
 * @param past what was known of the part.
 * @param used the buckets of the part in use, units held included.
 */
export function carriedOver(
  periodStart: number,
  allowance: CountingAllowance,
  past: readonly PastAllowance[],
  used: readonly UsedBucket[],
): number {
  if (allowance.rollover === null) return 0;
  let carried: number[] = [];
  for (const bucket of endedBuckets(periodStart, allowance.from, past, used).toReversed()) {
    carried = bucket.isCut
      ? burn(carried, bucket.used)
      : keep(burn([...carried, bucket.amount], bucket.used), bucket.rollover);
  }
  return keep(carried, allowance.rollover).reduce((sum, units) => sum + units, 0);
}

/**
 * Returns the past buckets of a part, the latest first, back to where the part began to count without a break
 * or where it is not known. Units from before `maxPeriods` unused periods in a row have been dropped, so no
 * older bucket matters.
 */
function endedBuckets(
  periodStart: number,
  since: number,
  past: readonly PastAllowance[],
  used: readonly UsedBucket[],
): EndedBucket[] {
  const ended: EndedBucket[] = [];
  let start = periodStart;
  let unusedInARow = 0;
  while (start > since && unusedInARow < maxPeriods) {
    const last = start - 1;
    const known = past.find(({ from, to }) => from <= last && last < to);
    if (known === undefined) break;
    const bucket = runningBucket(known.allowance, used, last);
    const { rollover } = known.allowance;
    const isCut = bucket.periodEnd > start;
    // Nothing passes the end of a period without a rule, or a bucket that is given once.
    if (bucket.schedule === once || (rollover === null && !isCut)) break;
    // Facts that contradict each other must not loop.
    if (bucket.periodStart > last) break;
    ended.push({ amount: bucket.amount, used: bucket.used + bucket.held, rollover, isCut });
    start = bucket.periodStart;
    unusedInARow = bucket.used + bucket.held > 0 ? 0 : unusedInARow + 1;
  }
  return ended;
}

/** Returns what is left of units, given oldest first, after `used` of them; never less than nothing. */
function burn(units: readonly number[], used: number): number[] {
  let left = used;
  return units.map((one) => {
    const burnt = Math.min(one, left);
    left -= burnt;
    return one - burnt;
  });
}

/** Returns the units, given oldest first, that a rule lets live for another period. */
function keep(units: readonly number[], rule: Rollover | null): number[] {
  if (rule === null) return [];
  let room = rule.max;
  return units
    .slice(-rule.periods)
    .toReversed()
    .map((one) => {
      const kept = Math.min(one, room);
      room -= kept;
      return kept;
    })
    .toReversed();
}
