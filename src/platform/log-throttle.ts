export interface LogThrottle {
  /**
   * Decides whether an occurrence at `now` (epoch milliseconds) is logged.
   *
   * @returns the number of occurrences suppressed since the last line; null if this one is suppressed, too.
   */
  next(now: number): number | null;
}

/**
 * Creates a throttle that admits one log line per `everyMs`, for things that can happen thousands of times a
 * second. Pure.
 */
export function createLogThrottle(everyMs: number): LogThrottle {
  let loggedAt: number | undefined;
  let suppressed = 0;
  return {
    next(now) {
      // If the clock was set back, the line is logged.
      if (loggedAt !== undefined && now >= loggedAt && now < loggedAt + everyMs) {
        suppressed += 1;
        return null;
      }
      const before = suppressed;
      loggedAt = now;
      suppressed = 0;
      return before;
    },
  };
}
