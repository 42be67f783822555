/** The shortest and the longest wait before a retry, milliseconds. */
interface BackOff {
  first: number;
  last: number;
}

/**
 * Returns the wait after a failed attempt, milliseconds. It doubles with each attempt, within bounds.
 *
 * @param attempt 1 for the first one that failed.
 */
export function backOffMs({ first, last }: BackOff, attempt: number): number {
  return Math.min(first * 2 ** Math.max(0, attempt - 1), last);
}

/**
 * Returns the wait during an outage whose attempts are not counted, milliseconds. It equals the duration of
 * the outage so far, within bounds, and so doubles each time.
 */
export function outageBackOffMs({ first, last }: BackOff, waitedMs: number): number {
  return Math.min(Math.max(waitedMs, first), last);
}
