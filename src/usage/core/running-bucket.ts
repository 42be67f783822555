import type { Allowance, BucketRow } from './facts.ts';
import { once, scheduledPeriod, trial } from './periods.ts';

/** A stored row, and the units of its bucket that open holds keep. */
export interface UsedBucket extends BucketRow {
  held: number;
}

/** The bucket of an allowance at an instant, without what is carried over into it. */
export type RunningBucket = Omit<UsedBucket, 'usedAt'>;

/**
 * Returns the bucket of an allowance at an instant.
 *
 * A bucket in use runs to its end, even if the interval or the anchor has changed since: otherwise a change
 * would free its used units. The next period then begins where it ends. A change of the amount counts at
 * once; with a change of the interval, the new amount counts from the next period on.
 *
 * @param used the buckets of the part in use: with units used or held.
 */
export function runningBucket(
  allowance: Allowance,
  used: readonly UsedBucket[],
  instant: number,
): RunningBucket {
  const due = scheduledPeriod(allowance, instant);
  const running =
    used.find((one) => isPeriodic(one) && contains(one, instant)) ??
    used
      .filter(({ schedule }) => schedule === once)
      .map((one) => ({ ...one, periodEnd: endOfOnce(one, allowance) }))
      .find(({ periodEnd }) => instant < periodEnd);
  if (running !== undefined) {
    const { usedAt, ...bucket } = running;
    return {
      ...bucket,
      amount: running.schedule === due.schedule ? allowance.amount : running.amount,
    };
  }
  const ends = used.filter(isPeriodic).map(({ periodEnd }) => periodEnd);
  const periodStart = Math.max(due.from, ...ends.filter((end) => end <= instant));
  // A trial that was extended, or ended early, is found by its start.
  const same = used.find((one) => one.periodStart === periodStart);
  return {
    part: allowance.part,
    periodStart,
    periodEnd: due.to,
    schedule: due.schedule,
    amount: allowance.amount,
    used: same?.used ?? 0,
    held: same?.held ?? 0,
  };
}

/** Returns whether a bucket's end is fixed. A trial ends when the anchor says so, a purchase never. */
function isPeriodic({ schedule }: UsedBucket): boolean {
  return schedule !== once && schedule !== trial;
}

function contains({ periodStart, periodEnd }: UsedBucket, instant: number): boolean {
  return periodStart <= instant && instant < periodEnd;
}

/**
 * Returns where the bucket of an amount given once ends. If the allowance has become periodic, that is the end
 * of the period in which its units were last used.
 */
function endOfOnce({ usedAt }: UsedBucket, allowance: Allowance): number {
  return scheduledPeriod(allowance, usedAt).to;
}
