import type { Interval, Intervals } from './intervals.ts';
import type { SourceDenial } from './reasons.ts';

/** The state of one source at an instant, independent of other sources and operators. */
export type Standing = 'granted' | SourceDenial;

/** A period over which a source has one state. */
export interface LifecyclePhase extends Interval {
  standing: Standing;
}

/** The instants at which the state of a source changes; ±Infinity for a change that never happens. */
export interface LifecycleBounds {
  startAt: number;
  /** When a missing payment suspends the source. */
  overdueAt: number;
  /** When the source ends for good. */
  endAt: number;
}

const dayMs = 86_400_000;

/** The last millisecond that ISO 8601 expresses with a four-digit year. */
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Returns the states of a source over all of time, in order and without gaps. A source that ends before it
 * starts never gives access: it is pending until the end, and expired afterwards.
 */
export function lifecycleOf({ startAt, overdueAt, endAt }: LifecycleBounds): LifecyclePhase[] {
  const all: LifecyclePhase[] = [
    { standing: 'not_yet_valid', from: -Infinity, to: Math.min(startAt, endAt) },
    { standing: 'granted', from: startAt, to: Math.min(overdueAt, endAt) },
    { standing: 'payment_overdue', from: Math.max(startAt, overdueAt), to: endAt },
    { standing: 'expired', from: endAt, to: Infinity },
  ];
  return all.filter(({ from, to }) => from < to);
}

/**
 * Returns the states of a source that gives access in several periods, all before `endAt`, and waits in
 * between.
 */
export function lifecycleOfPeriods(periods: Intervals, endAt: number): LifecyclePhase[] {
  const all: LifecyclePhase[] = [];
  let at = -Infinity;
  for (const { from, to } of periods) {
    all.push({ standing: 'not_yet_valid', from: at, to: from }, { standing: 'granted', from, to });
    at = to;
  }
  all.push(
    { standing: 'not_yet_valid', from: at, to: endAt },
    { standing: 'expired', from: endAt, to: Infinity },
  );
  return all.filter(({ from, to }) => from < to);
}

/** Returns whether a half-open interval contains an instant. */
export function covers({ from, to }: Interval, instant: number): boolean {
  return from <= instant && instant < to;
}

/** Returns the instant `days` times 24 hours later, with the same limit as `after`. */
export function daysAfter(instant: number, days: number): number {
  return after(instant, daysMs(days));
}

/** Returns the instant `ms` milliseconds later; Infinity if that is beyond what ISO 8601 can express. */
export function after(instant: number, ms: number): number {
  const end = instant + ms;
  return end > lastInstant ? Infinity : end;
}

/** Returns `days` times 24 hours, in milliseconds. */
export function daysMs(days: number): number {
  return days * dayMs;
}

/** Returns the earliest of several instants, ignoring nulls; Infinity if all are null. */
export function earliest(...ends: (number | null)[]): number {
  return Math.min(...ends.filter((end) => end !== null), Infinity);
}
