import Stripe from 'stripe';
import type { Database } from './database.ts';
import type { Metrics } from './metrics.ts';
import { currentProject } from './on-behalf.ts';
import { bucketsOf, endpointOf, maxWaitMs, type Share, takeRequest } from './stripe-budget.ts';
import { createStripeThrottle } from './stripe-throttle.ts';

export interface StripeOptions {
  secretKey: string;
  /** The URL of a stand-in for Stripe's API, such as the sandbox; undefined for Stripe itself. */
  apiBase: string | undefined;
}

type HttpClient = ReturnType<typeof Stripe.createNodeHttpClient>;

/**
 * Creates the SDK's client with bounded waits: 10 s per attempt and one retry. The SDK does not retry a 429
 * response, and only the caller knows how long it can wait.
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
 * Creates a client that measures every request and throttles requests to the rate budget, fairly across
 * projects. Background clients do not retry, because the sync queue does.
 *
 * @param options `maxRps`: maximum requests per second of all instances together.
 */
export function openPacedStripe(
  options: StripeOptions & { maxRps: number },
  share: Share,
  { database, metrics, keyState }: { database: Database; metrics: Metrics; keyState: KeyState },
): Stripe {
  const throttle = createStripeThrottle({
    take: (endpoint) => takeRequest(database, bucketsOf(share, endpoint, options.maxRps)),
    maxWaitMs: maxWaitMs[share],
  });
  const httpClient = paced(Stripe.createNodeHttpClient(), async (endpoint) => {
    await throttle(endpoint, currentProject());
    return (status) => {
      metrics.stripeRequests.inc({ endpoint, status });
      keyState.note(status);
    };
  });
  return openStripe(options, { httpClient, maxNetworkRetries: share === 'buyers' ? 1 : 0 });
}

/** Whether Stripe accepts the key, judging by its responses to this process. */
export interface KeyState {
  note(status: number): void;
  /** Whether Stripe's last conclusive response was a 401. */
  isRefused(): boolean;
}

/** Creates the state of a key that has not been used yet. */
export function createKeyState(): KeyState {
  let isRefused = false;
  return {
    note(status) {
      // A missing response, a 429 or a 5xx proves nothing about the key.
      if (status > 0 && status !== 429 && status < 500) isRefused = status === 401;
    },
    isRefused: () => isRefused,
  };
}

/**
 * Sends each request after `start`, and reports its status.
 *
 * @param start resolves when the request may be sent, with a callback for the status (0 if there was no
 *   response).
 */
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
