/** The shortest and the longest wait before a retry, milliseconds. */
interface BackOff {
  first: number;
  last: number;
}

/**
 * Returns the wait after a failed attempt, milliseconds. It doubles with each attempt, within the bounds.
 *
 * @param attempt the number of the failed attempt, starting at 1.
 */
export function backOffMs({ first, last }: BackOff, attempt: number): number {
  return Math.min(first * 2 ** Math.max(0, attempt - 1), last);
}

/**
 * Returns the wait before the next attempt during an outage, when attempts do not count, milliseconds. It
 * equals how long the outage has lasted, within the bounds, and so doubles each time.
 */
export function outageBackOffMs({ first, last }: BackOff, waitedMs: number): number {
  return Math.min(Math.max(waitedMs, first), last);
}
