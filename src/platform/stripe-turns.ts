import { setTimeout as sleep } from 'node:timers/promises';
import { Lanes } from './lanes.ts';

interface Waiting {
  begin: () => void;
  fail: (error: unknown) => void;
}

/** The requests that wait for one endpoint. */
interface EndpointQueue {
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
  const queues = new Map<string, EndpointQueue>();

  async function serve(endpoint: string, queue: EndpointQueue): Promise<void> {
    queue.takers += 1;
    while (queue.waiting.size > 0) {
      try {
        const waitMs = await take(endpoint);
        if (waitMs === 0) queue.waiting.draw()?.begin();
        else await sleep(waitMs);
      } catch (error) {
        queue.waiting.draw()?.fail(error);
      }
    }
    queue.takers -= 1;
  }

  function queueOf(endpoint: string): EndpointQueue {
    const queue = queues.get(endpoint) ?? { waiting: new Lanes<Waiting>(), takers: 0 };
    queues.set(endpoint, queue);
    return queue;
  }

  return (endpoint, lane) =>
    new Promise((resolve, reject) => {
      const queue = queueOf(endpoint);
      const timer = setTimeout(() => {
        queue.waiting.delete(lane, item);
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
      queue.waiting.add(lane, item);
      if (queue.takers < Math.min(maxTakers, queue.waiting.size)) void serve(endpoint, queue);
    });
}
