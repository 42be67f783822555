/** The shortest and the longest wait before a retry, milliseconds. */
interface BackOff {
  first: number;
  last: number;
}

/**
 * Returns how long to wait after a failed attempt, milliseconds: twice as long after each, within bounds.
 *
 * @param attempt 1 for the first one that failed.
 */
export function backOffMs({ first, last }: BackOff, attempt: number): number {
  return Math.min(first * 2 ** Math.max(0, attempt - 1), last);
}

/**
 * Returns how long to wait during an outage whose attempts are not counted, milliseconds: as long as it
 * took so far, which also doubles the wait each time, within bounds.
 */
export function outageBackOffMs({ first, last }: BackOff, waitedMs: number): number {
  return Math.min(Math.max(waitedMs, first), last);
}
