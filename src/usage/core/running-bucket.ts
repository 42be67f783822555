import type { Allowance, BucketRow } from './facts.ts';
import { once, type ScheduledPeriod, scheduledPeriod, trial } from './periods.ts';

/** A stored row, and the units of its bucket that open holds keep. */
export interface UsedBucket extends BucketRow {
  held: number;
}

/** The bucket of an allowance at an instant, without what is carried over into it. */
export type RunningBucket = Omit<UsedBucket, 'reported' | 'usedAt'>;

/**
 * Returns the bucket of an allowance at an instant. No change frees used units, because a bucket in use keeps
 * its start:
 *
 * - If the amount changes, the new amount counts at once.
 * - If the price stays and its interval changes (an edit of the mapping), the bucket runs to its end as it is.
 *   The next period begins there and follows the new interval.
 * - If the price changes, and the interval with it (a change of plan), the new amount counts at once. The
 *   bucket ends with the period of the new price in which its units were last used.
 *
 * @param used the buckets of the part in use: with units used or held.
 */
export function runningBucket(
  allowance: Allowance,
  used: readonly UsedBucket[],
  instant: number,
): RunningBucket {
  const due = scheduledPeriod(allowance, instant);
  const periods = used
    .filter((one) => isPeriodic(one) && one.periodStart <= instant)
    .toSorted((a, b) => a.periodStart - b.periodStart)
    .map((one, index, all) => (index === all.length - 1 ? underPrice(one, allowance, due) : one));
  const onces = used
    .filter(({ schedule }) => schedule === once)
    .map((one) => ({ ...one, periodEnd: endOfOnce(one, allowance) }));
  const running = [...periods.slice(-1), ...onces].find(({ periodEnd }) => instant < periodEnd);
  if (running !== undefined) return runningAs(running, allowance, due);
  const ends = periods.map(({ periodEnd }) => periodEnd);
  const periodStart = Math.max(due.from, ...ends.filter((end) => end <= instant));
  // A trial that was extended, or ended early, is found by its start.
  const same = used.find((one) => one.periodStart === periodStart);
  return {
    part: allowance.part,
    periodStart,
    periodEnd: due.to,
    priceId: allowance.priceId,
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

/** Returns the latest bucket of a part, with the period of the present price if the plan was changed. */
function underPrice(bucket: UsedBucket, allowance: Allowance, due: ScheduledPeriod): UsedBucket {
  if (bucket.priceId === allowance.priceId || bucket.schedule === due.schedule) return bucket;
  // Stripe moves the anchor to the change if the interval changes. The bucket was running then.
  const changedAt = Math.min(allowance.anchorAt, bucket.periodEnd - 1);
  const { schedule, to } = scheduledPeriod(allowance, Math.max(bucket.usedAt, changedAt));
  return { ...bucket, schedule, periodEnd: to };
}

/**
 * Returns where the bucket of an amount given once ends. If the allowance has become periodic, that is the end
 * of the period in which its units were last used.
 */
function endOfOnce({ usedAt }: UsedBucket, allowance: Allowance): number {
  return scheduledPeriod(allowance, usedAt).to;
}

function runningAs(
  { reported, usedAt, ...bucket }: UsedBucket,
  { amount, priceId }: Allowance,
  due: ScheduledPeriod,
): RunningBucket {
  if (bucket.schedule === due.schedule) return { ...bucket, priceId, amount };
  return bucket.priceId === priceId ? bucket : { ...bucket, amount };
}
