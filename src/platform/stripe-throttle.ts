import { setTimeout as sleep } from 'node:timers/promises';
import { FairQueue } from './fair-queue.ts';

interface WaitingRequest {
  begin: () => void;
  fail: (error: unknown) => void;
}

/** The requests that are waiting for one endpoint. */
interface EndpointQueue {
  waiting: FairQueue<WaitingRequest>;
  /** Number of concurrent budget queries. */
  queries: number;
}

/**
 * Maximum number of concurrent budget queries per endpoint. With only one, its round trip would limit
 * throughput.
 */
const maxQueries = 4;

interface StripeThrottleOptions {
  /**
   * Charges a request to the budget. Returns the number of milliseconds until the next attempt, or 0 if it
   * was charged.
   */
  take: (endpoint: string) => Promise<number>;
  /** Maximum wait of a request, milliseconds. */
  maxWaitMs: number;
}

/**
 * Creates a function that waits until a request to an endpoint is within the budget. Requests are admitted
 * round-robin by project, so a project with many requests delays another by one request rather than by its
 * whole queue. Rejects if the wait is too long.
 */
export function createStripeThrottle({
  take,
  maxWaitMs,
}: StripeThrottleOptions): (endpoint: string, tenant: string) => Promise<void> {
  const queues = new Map<string, EndpointQueue>();

  async function serve(endpoint: string, queue: EndpointQueue): Promise<void> {
    queue.queries += 1;
    while (queue.waiting.size > 0) {
      try {
        const waitMs = await take(endpoint);
        if (waitMs === 0) queue.waiting.draw()?.begin();
        else await sleep(waitMs);
      } catch (error) {
        queue.waiting.draw()?.fail(error);
      }
    }
    queue.queries -= 1;
  }

  function queueOf(endpoint: string): EndpointQueue {
    const queue = queues.get(endpoint) ?? { waiting: new FairQueue<WaitingRequest>(), queries: 0 };
    queues.set(endpoint, queue);
    return queue;
  }

  return (endpoint, tenant) =>
    new Promise((resolve, reject) => {
      const queue = queueOf(endpoint);
      const timer = setTimeout(() => {
        queue.waiting.delete(tenant, item);
        reject(
          new Error(
            `STRIPE_MAX_RPS did not admit the request to ${endpoint} within ${maxWaitMs} ms`,
          ),
        );
      }, maxWaitMs);
      const item: WaitingRequest = {
        begin() {
          clearTimeout(timer);
          resolve();
        },
        fail(error) {
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      queue.waiting.add(tenant, item);
      if (queue.queries < Math.min(maxQueries, queue.waiting.size)) void serve(endpoint, queue);
    });
}
