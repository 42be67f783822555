import { setTimeout as sleep } from 'node:timers/promises';
import { Lanes } from './lanes.ts';

interface Waiting {
  begin: () => void;
  fail: (error: unknown) => void;
}

/** The requests that wait for one endpoint. */
interface Line {
  waiting: Lanes<Waiting>;
  /** Number of requests that currently query the budget. */
  takers: number;
}

/**
 * Maximum number of concurrent budget queries per endpoint. Several keep round trips from limiting
 * throughput.
 */
const maxTakers = 4;

interface StripeTurnOptions {
  /** Charges a request to the budget. Returns the milliseconds until the next attempt; 0 = charged. */
  take: (endpoint: string) => Promise<number>;
  /** Maximum wait of a request, milliseconds. */
  maxWaitMs: number;
}

/**
 * Creates a function that waits until a request to an endpoint is within the budget. Requests wait in a lane
 * per project, and the lanes take turns: a project with many requests delays another by one request, not by
 * its whole queue. Rejects if the wait is too long.
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
