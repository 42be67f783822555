const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/**
 * Waits before each attempt, milliseconds, each after the previous attempt. Source: Standard Webhooks, "Retry
 * schedule".
 */
const waitsMs = [
  0,
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
];

/**
 * Maximum share by which jitter shortens a wait, so that simultaneous failures are not retried simultaneously.
 */
const jitter = 0.1;

/** Maximum wait that `Retry-After` can ask for, milliseconds. */
const maxRetryAfterMs = hourMs;

/**
 * Returns the wait before the next attempt, milliseconds; null if there are no more attempts.
 *
 * @param tries attempts so far.
 * @param retryAfterMs the wait that the receiver asked for. It extends a shorter wait, to at most an hour.
 * @param random from 0 to 1.
 */
export function waitBeforeRetryMs(
  tries: number,
  retryAfterMs: number | null,
  random: number,
): number | null {
  const waitMs = waitsMs[tries];
  if (waitMs === undefined) return null;
  const jittered = waitMs * (1 - jitter * random);
  return Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, maxRetryAfterMs)));
}

/**
 * Returns the wait that a `Retry-After` header asks for, milliseconds: seconds or an HTTP date. Null if the
 * header is missing or malformed.
 *
 * @param now epoch milliseconds.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * secondMs;
  // `Date.parse` also takes numbers.
  const at = /^[A-Z][a-z]+, /.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
