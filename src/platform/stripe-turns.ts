import { setTimeout as sleep } from 'node:timers/promises';
import { Lanes } from './lanes.ts';

interface Waiting {
  begin: () => void;
  fail: (error: unknown) => void;
}

/** What waits for one endpoint. */
interface Line {
  waiting: Lanes<Waiting>;
  /** How many requests to it are asking the budget right now. */
  takers: number;
}

/** How many requests per endpoint ask the budget concurrently, so that round trips do not limit throughput. */
const maxTakers = 4;

interface StripeTurnOptions {
  /** Takes a request to an endpoint from the budget; returns after how many milliseconds to ask again, 0 = taken. */
  take: (endpoint: string) => Promise<number>;
  /** How long a request waits at most, milliseconds. */
  maxWaitMs: number;
}

/**
 * Returns what waits until a request to an endpoint is within the budget. Requests wait in a lane per
 * project, and each one that the budget allows goes to the next lane: a project that asks Stripe often
 * delays another by a request, not by its whole line. Rejects where that takes too long.
 */
export function createStripeTurns({
  take,
  maxWaitMs,
}: StripeTurnOptions): (endpoint: string, lane: string) => Promise<void> {
  const lines = new Map<string, Line>();

  async function serve(endpoint: string, line: Line): Promise<void> {
    line.takers += 1;
    while (line.waiting.size > 0) {
      try {
        const waitMs = await take(endpoint);
        if (waitMs === 0) line.waiting.draw()?.begin();
        else await sleep(waitMs);
      } catch (error) {
        line.waiting.draw()?.fail(error);
      }
    }
    line.takers -= 1;
  }

  function lineOf(endpoint: string): Line {
    const line = lines.get(endpoint) ?? { waiting: new Lanes<Waiting>(), takers: 0 };
    lines.set(endpoint, line);
    return line;
  }

  return (endpoint, lane) =>
    new Promise((resolve, reject) => {
      const line = lineOf(endpoint);
      const timer = setTimeout(() => {
        line.waiting.delete(lane, item);
        reject(new Error(`no turn within STRIPE_MAX_RPS at ${endpoint}`));
      }, maxWaitMs);
      const item: Waiting = {
        begin() {
          clearTimeout(timer);
          resolve();
        },
        fail(error) {
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      line.waiting.add(lane, item);
      if (line.takers < Math.min(maxTakers, line.waiting.size)) void serve(endpoint, line);
    });
}
