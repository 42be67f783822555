export interface LogThrottle {
  /**
   * Decides whether to log an occurrence at `now` (epoch milliseconds).
   *
   * @returns the number of occurrences suppressed after the last line; null if this one is suppressed too.
   */
  next(now: number): number | null;
}

/**
 * Creates a throttle that admits one log line per `everyMs`, for events that can occur thousands of times a
 * second. Pure.
 */
export function createLogThrottle(everyMs: number): LogThrottle {
  let loggedAt: number | undefined;
  let suppressed = 0;
  return {
    next(now) {
      // `now >= loggedAt` keeps the log from falling silent if the clock is set back.
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
