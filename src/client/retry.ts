import type { Availability } from './availability.ts';
import { LatchkeyError, LatchkeyUnavailable } from './problem.ts';

const firstPauseMs = 100;
const maxPauseMs = 2_000;

/**
 * Sends a request until there is a response, for at most `limitMs`. The request must be harmless to repeat.
 * The first try may use half of the time, so that a connection that died silently leaves time for another.
 */
export type Retry = <Result>(
  limitMs: number,
  send: (tryMs: number) => Promise<Result>,
) => Promise<Result>;

/** Creates the function that repeats requests after a broken connection, a time-out, a 429 or a 5xx. */
export function createRetry(availability: Availability): Retry {
  return async (limitMs, send) => {
    const endsAt = performance.now() + limitMs;
    const noteError = availability.begin();
    for (let tries = 0; ; tries += 1) {
      const leftMs = Math.max(1, Math.ceil(endsAt - performance.now()));
      try {
        return await send(tries === 0 ? Math.ceil(leftMs / 2) : leftMs);
      } catch (error) {
        if (!(error instanceof LatchkeyUnavailable)) throw error;
        const waitMs = pauseOf(tries, error);
        if (performance.now() + waitMs >= endsAt) {
          // With a response, Latchkey is reachable: only this user or the database may be out of reach.
          if (!(error.cause instanceof LatchkeyError)) noteError(error);
          throw error;
        }
        // Keeps the process running, also after `close`: the request may settle what a user has used.
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  };
}

/** Returns the wait before the next try: it doubles, with jitter; after a 429 at least a second. */
function pauseOf(tries: number, { cause }: LatchkeyUnavailable): number {
  const longest = Math.min(maxPauseMs, firstPauseMs * 2 ** tries);
  const isLimited = cause instanceof LatchkeyError && cause.status === 429;
  return longest * (0.5 + Math.random() / 2) + (isLimited ? 1_000 : 0);
}
