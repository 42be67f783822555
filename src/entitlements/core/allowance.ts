import type { Allowance, BillingInterval, FeatureFact } from './facts.ts';
import type { SourceWindow } from './windows.ts';

/** The value of a mapping or grant for a metered feature, unless it is `"unlimited"`. */
export interface GivenAllowance {
  /** At least 1. */
  amount: number;
  /** Missing = once, for the whole of the source's window. `period` is the billing interval of the price. */
  every?: BillingInterval['unit'] | 'period';
  rollover?: { max: number; periods: number };
}

const everys: readonly unknown[] = ['day', 'week', 'month', 'year', 'period'];

/** Returns whether a value is an allowance. Values are checked when they are recorded. */
export function isGivenAllowance(value: unknown): value is GivenAllowance {
  if (!isRecord(value)) return false;
  const { amount, every, rollover, ...rest } = value;
  return (
    isCount(amount) &&
    (every === undefined || everys.includes(every)) &&
    (rollover === undefined || (every !== undefined && isRollover(rollover))) &&
    Object.keys(rest).length === 0
  );
}

/**
 * Returns what a source gives of a metered feature. `period` without a billing interval, as of a one-time
 * price, is given once.
 */
export function allowanceOf(
  { perQuantity }: FeatureFact,
  { partId, quantity, startAt, anchorAt, interval }: SourceWindow,
  given: GivenAllowance,
): Allowance {
  const { amount, every = null, rollover = null } = given;
  const unit = every === null || every === 'period' ? null : every;
  return {
    part: partId,
    amount: Math.min(amount * (perQuantity ? (quantity ?? 1) : 1), Number.MAX_SAFE_INTEGER),
    every,
    interval: unit === null ? (every === null ? null : interval) : { unit, count: 1 },
    rollover,
    startAt,
    anchorAt,
  };
}

function isRollover(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { max, periods, ...rest } = value;
  return isCount(max) && isCount(periods) && periods <= 12 && Object.keys(rest).length === 0;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
