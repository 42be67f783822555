import Stripe from 'stripe';
import type { Database } from './database.ts';
import type { Metrics } from './metrics.ts';
import { currentLane } from './on-behalf.ts';
import { bucketsOf, endpointOf, maxWaitMs, type Share, takeRequest } from './stripe-budget.ts';
import { createStripeTurns } from './stripe-turns.ts';

export interface StripeOptions {
  secretKey: string;
  /** Another server that speaks Stripe's API, such as the sandbox. */
  apiBase: string | undefined;
}

type HttpClient = ReturnType<typeof Stripe.createNodeHttpClient>;

/**
 * The SDK, with a bounded wait: 10 s per try, one retry. A 429 is not tried again here: the SDK does
 * not, and whoever asked knows how long it can wait.
 */
export function openStripe(
  options: StripeOptions,
  settings: Pick<Stripe.StripeConfig, 'httpClient' | 'maxNetworkRetries'> = {},
): Stripe {
  const base = options.apiBase === undefined ? undefined : new URL(options.apiBase);
  return new Stripe(options.secretKey, {
    timeout: 10_000,
    maxNetworkRetries: 1,
    telemetry: false,
    ...settings,
    ...(base === undefined
      ? {}
      : {
          host: base.hostname,
          port: base.port === '' ? (base.protocol === 'https:' ? 443 : 80) : Number(base.port),
          protocol: base.protocol === 'https:' ? 'https' : 'http',
        }),
  });
}

/**
 * The same, with every request counted, and sent when it is its project's turn within the rate budget. In the
 * background nothing is tried again here: the queue has its own patience.
 *
 * @param options `maxRps`: requests per second that all instances together make at most.
 */
export function openPacedStripe(
  options: StripeOptions & { maxRps: number },
  share: Share,
  { database, metrics, keyState }: { database: Database; metrics: Metrics; keyState: KeyState },
): Stripe {
  const awaitTurn = createStripeTurns({
    take: (endpoint) => takeRequest(database, bucketsOf(share, endpoint, options.maxRps)),
    maxWaitMs: maxWaitMs[share],
  });
  const httpClient = paced(Stripe.createNodeHttpClient(), async (endpoint) => {
    await awaitTurn(endpoint, currentLane());
    return (status) => {
      metrics.stripeRequests.inc({ endpoint, status });
      keyState.note(status);
    };
  });
  return openStripe(options, { httpClient, maxNetworkRetries: share === 'buyers' ? 1 : 0 });
}

/** Whether Stripe accepts the key, by its answers to the requests of this process. */
export interface KeyState {
  note(status: number): void;
  /** Whether Stripe's last answer was a 401. */
  isRefused(): boolean;
}

/** Creates the state of a key that was not used yet. */
export function createKeyState(): KeyState {
  let isRefused = false;
  return {
    note(status) {
      // No answer, a throttled request and a failure at Stripe say nothing about the key.
      if (status > 0 && status !== 429 && status < 500) isRefused = status === 401;
    },
    isRefused: () => isRefused,
  };
}

/** @param start resolves when the request may go, with what is to be told its status (0 = no answer). */
function paced(
  client: HttpClient,
  start: (endpoint: string) => Promise<(status: number) => void>,
): HttpClient {
  return {
    getClientName: () => client.getClientName(),
    async makeRequest(...request) {
      const [, , path, method] = request;
      const end = await start(endpointOf(method, path));
      try {
        const response = await client.makeRequest(...request);
        end(response.getStatusCode());
        return response;
      } catch (error) {
        end(0);
        throw error;
      }
    },
  };
}
