export interface LogThrottle {
  /**
   * Whether what happens at `now` (epoch milliseconds) is worth a line of the log.
   *
   * @returns how often it happened without one since the last; null: this one has none either.
   */
  next(now: number): number | null;
}

/** Lets one thing in `everyMs` be told of those that may happen thousands of times a second. Pure. */
export function createLogThrottle(everyMs: number): LogThrottle {
  let toldAt: number | undefined;
  let unsaid = 0;
  return {
    next(now) {
      // A clock that is set back silences nothing.
      if (toldAt !== undefined && now >= toldAt && now < toldAt + everyMs) {
        unsaid += 1;
        return null;
      }
      const before = unsaid;
      toldAt = now;
      unsaid = 0;
      return before;
    },
  };
}
