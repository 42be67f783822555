import { byText } from '../../entitlements/core/order.ts';
import type { SourceRef } from '../../entitlements/core/facts.ts';
import type { CountingAllowance, Hold, UsageFacts } from './facts.ts';
import { once } from './periods.ts';
import { carriedOver } from './rollover.ts';
import { runningBucket, type RunningBucket, type UsedBucket } from './running-bucket.ts';

/** A bucket from which units can be used. Its balance is `amount + rolledOver - used - held`. */
export interface Bucket extends RunningBucket {
  /** Null for the bucket that counts the usage of what is unlimited. */
  source: SourceRef | null;
  /** The period, clipped to the window in which the source counts. */
  from: number;
  to: number;
  /** The units carried over into the period. */
  rolledOver: number;
  /** When a new period follows; null if the source ends before, or gives once. */
  renewsAt: number | null;
}

/** The sums over the buckets of an instant. All are at most the largest safe integer, or Infinity. */
export interface Balance {
  granted: number;
  rolledOver: number;
  used: number;
  held: number;
  /** What is left; negative if more was used than given; Infinity if unlimited. */
  balance: number;
  /** How far the balance is below zero. */
  overage: number;
  /** When the next new period begins; null if none is known to. */
  resetsAt: number | null;
}

/**
 * Returns the buckets of an instant, in the order in which they are used: the one that ends first; then
 * periodic before once; then the one that starts first; then by part. A refunded or revoked source has no
 * bucket, its usage stays stored.
 */
export function bucketsAt(facts: UsageFacts, at: number): Bucket[] {
  const used = Map.groupBy(usedBuckets(facts, at), ({ part }) => part);
  if (facts.allowances === 'unlimited') return [unlimitedBucket(used.get(unlimitedPart) ?? [])];
  return facts.allowances
    .map((allowance) => bucketOf(allowance, facts, used.get(allowance.part) ?? [], at))
    .toSorted(byBurnOrder);
}

/** Returns the sums over the buckets of an instant. An overdrawn bucket takes from the others. */
export function balanceOf(buckets: readonly Bucket[]): Balance {
  const sum = (of: (bucket: Bucket) => number): number =>
    capped(buckets.reduce((total, bucket) => total + of(bucket), 0));
  const balance = sum(leftIn);
  const resets = buckets.flatMap(({ renewsAt }) => (renewsAt === null ? [] : [renewsAt]));
  return {
    granted: sum(({ amount }) => amount),
    rolledOver: sum(({ rolledOver }) => rolledOver),
    used: sum(({ used }) => used),
    held: sum(({ held }) => held),
    balance,
    overage: Math.max(0, -balance),
    resetsAt: resets.length === 0 ? null : Math.min(...resets),
  };
}

/** Returns what is left in a bucket; negative if it is overdrawn. */
export function leftIn({ amount, rolledOver, used, held }: Bucket): number {
  return amount + rolledOver - used - held;
}

/** Returns whether a hold still keeps its units. */
export function isOpen({ expiresAt }: Hold, at: number): boolean {
  return at < expiresAt;
}

/** The part under which the usage of what is unlimited is stored. No source has this id. */
const unlimitedPart = 'unlimited';

function unlimitedBucket([used]: readonly UsedBucket[]): Bucket {
  return {
    part: unlimitedPart,
    source: null,
    periodStart: 0,
    periodEnd: Infinity,
    priceId: null,
    schedule: once,
    from: 0,
    to: Infinity,
    amount: Infinity,
    rolledOver: 0,
    used: used?.used ?? 0,
    held: used?.held ?? 0,
    renewsAt: null,
  };
}

function bucketOf(
  allowance: CountingAllowance,
  facts: UsageFacts,
  used: readonly UsedBucket[],
  at: number,
): Bucket {
  const bucket = runningBucket(allowance, used, at);
  const past = facts.past.filter((one) => one.allowance.part === allowance.part);
  const { periodStart, periodEnd } = bucket;
  return {
    ...bucket,
    source: allowance.source,
    from: Math.max(periodStart, allowance.from),
    to: Math.min(periodEnd, allowance.to),
    rolledOver: carriedOver(periodStart, allowance, past, used),
    renewsAt: periodEnd < allowance.to ? periodEnd : null,
  };
}

/** Returns the rows with the units that open holds keep. A row without units says nothing. */
function usedBuckets({ rows, holds }: UsageFacts, at: number): UsedBucket[] {
  const open = holds.filter((hold) => isOpen(hold, at)).flatMap(({ bookings }) => bookings);
  return rows
    .map((row) => ({
      ...row,
      held: open
        .filter((one) => one.part === row.part && one.periodStart === row.periodStart)
        .reduce((sum, { units }) => sum + units, 0),
    }))
    .filter(({ used, held }) => used + held > 0);
}

function byBurnOrder(a: Bucket, b: Bucket): number {
  return (
    ascending(a.to, b.to) ||
    Number(a.schedule === once) - Number(b.schedule === once) ||
    ascending(a.from, b.from) ||
    byText(a.part, b.part)
  );
}

/** Compares instants, of which both may be Infinity. */
function ascending(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Caps a sum at the largest safe integer, and leaves Infinity as it is. */
function capped(sum: number): number {
  return sum === Infinity ? sum : Math.min(sum, Number.MAX_SAFE_INTEGER);
}
