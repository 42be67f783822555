export interface LogThrottle {
  /**
   * Decides whether an occurrence at `now` (epoch milliseconds) is logged.
   *
   * @returns how many occurrences were suppressed since the last line; null: this one is suppressed, too.
   */
  next(now: number): number | null;
}

/**
 * Creates a throttle that admits one log line per `everyMs`, for things that can happen thousands of times a
 * second. Pure.
 */
export function createLogThrottle(everyMs: number): LogThrottle {
  let toldAt: number | undefined;
  let suppressed = 0;
  return {
    next(now) {
      // If the clock was set back, the line is logged.
      if (toldAt !== undefined && now >= toldAt && now < toldAt + everyMs) {
        suppressed += 1;
        return null;
      }
      const before = suppressed;
      toldAt = now;
      suppressed = 0;
      return before;
    },
  };
}
