import Fastify from 'fastify';
import { apiEndpoints } from './api/endpoints.ts';
import { runDue } from './billing/due.ts';
import type { EndpointOptions, Sandbox } from './contract.ts';
import { createBilling } from './control/billing.ts';
import { createBuyer } from './control/buyer.ts';
import { registerControl } from './control/routes.ts';
import { seedSubscriptions } from './control/seed.ts';
import { ApiFaults } from './http/api-faults.ts';
import { registerApi } from './http/api-server.ts';
import { registerErrors } from './http/errors.ts';
import { IdempotencyKeys } from './http/idempotency.ts';
import type { RateLimit } from './http/rate-limit.ts';
import { countRequests, type SeenRequest } from './http/request-log.ts';
import { registerPages } from './pages/routes.ts';
import { SandboxClock } from './state/clock.ts';
import { copyObjects } from './state/objects.ts';
import { SnapshotFile } from './state/snapshot.ts';
import { clearWorld, newWorld, type Dunning } from './state/world.ts';
import { Deliveries, type DeliveryMode } from './webhooks/deliveries.ts';
import { addEndpoint } from './webhooks/endpoints.ts';

export type { Sandbox } from './contract.ts';

export interface SandboxOptions {
  host?: string;
  /** The port to listen on. The default, 0, picks any free port. */
  port?: number;
  /** Returns the current time in epoch ms. */
  now?: () => number;
  /** The only API key that is accepted. */
  secretKey?: string;
  accountId?: string;
  endpoints?: EndpointOptions[];
  /** A JSON file that stores the state across restarts. */
  stateFile?: string;
  /** `background` (the default) sends webhooks immediately, `manual` when `deliver()` is called. */
  delivery?: DeliveryMode;
  /** The maximum requests per second, unlimited by default. Requests above it get a 429. */
  rateLimit?: RateLimit;
  /** The clock for the rate limit. `sandbox` (the default) may stand still in a test, `machine` never does. */
  limitBy?: 'sandbox' | 'machine';
  /**
   * The retry days after a failed payment, and what follows the last one. By default, payments are retried on
   * days 3, 5 and 7, then the subscription is canceled.
   */
  dunning?: Dunning;
}

/** Interval at which the sandbox checks for due work while no request arrives, in milliseconds. */
const tickMs = 1000;

/** Starts a sandbox, by default on the loopback interface. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const clock = new SandboxClock(options.now ?? Date.now);
  const world = newWorld({
    clock,
    accountId: options.accountId ?? 'acct_sandbox',
    dunning: options.dunning ?? { retryDays: [3, 5, 7], then: 'cancel' },
    onEvent: (event) => {
      deliveries.enqueue(event);
    },
  });
  const deliveries = new Deliveries(world, options.delivery ?? 'background', () => {
    snapshot?.schedule();
  });
  const faults = new ApiFaults(options.limitBy === 'machine' ? Date.now : () => clock.now());
  faults.limit(options.rateLimit ?? {});
  const keys = new IdempotencyKeys();
  const requests: SeenRequest[] = [];
  const snapshot =
    options.stateFile === undefined ? undefined : new SnapshotFile(options.stateFile, world);
  snapshot?.load();
  for (const endpoint of options.endpoints ?? []) {
    addEndpoint(world, { enabledEvents: ['*'], ...endpoint });
  }

  const secretKey = options.secretKey ?? 'sk_test_sandbox';
  const app = Fastify({ forceCloseConnections: true });
  const changed = (): void => {
    snapshot?.schedule();
  };
  /** Runs a change after any work that was due before it. */
  const act = <T>(work: () => T): Promise<T> =>
    new Promise((resolve) => {
      runDue(world);
      const result = work();
      runDue(world);
      changed();
      resolve(result);
    });

  const ticker = setInterval(() => {
    if (runDue(world)) {
      changed();
    }
  }, tickMs);
  ticker.unref();

  const advanceTo = (epochMs: number): Promise<void> =>
    act(() => {
      clock.moveTo(epochMs);
      // Deliveries that a fault delayed may now be due.
      deliveries.pump();
    });
  const sandbox: Sandbox = {
    get url() {
      return world.baseUrl;
    },
    addEndpoint: (endpoint) => {
      addEndpoint(world, { enabledEvents: ['*'], ...endpoint });
      changed();
    },
    clock: {
      now: () => clock.now(),
      advance: (ms) => advanceTo(clock.now() + ms),
      advanceTo,
    },
    buyer: createBuyer(world, act),
    billing: createBilling(world, act),
    faults: {
      get webhooks() {
        return deliveries.faults;
      },
      set webhooks(next) {
        deliveries.faults = next;
      },
      get events() {
        return world.eventFaults;
      },
      set events(next) {
        world.eventFaults = next;
      },
      api: (...rules) => {
        faults.add(...rules);
      },
      rateLimit: (limit) => {
        faults.limit(typeof limit === 'number' ? { total: limit } : (limit ?? {}));
      },
      clear: () => {
        faults.clear();
        deliveries.faults = {};
        world.eventFaults = {};
      },
    },
    pendingDeliveries: () => deliveries.pending,
    deliveries: () => deliveries.all,
    deliver: (only) => deliveries.deliver(only),
    get largestPage() {
      return world.largestPage;
    },
    set largestPage(next) {
      world.largestPage = next;
    },
    resend: (eventId) => deliveries.resend(eventId),
    requests,
    counts: () => countRequests(requests),
    objects: (...kinds) => copyObjects(world.tables, kinds),
    seed: (seed) => act(() => seedSubscriptions(world, seed)),
    reset: () =>
      act(() => {
        const endpoints = [...world.tables.webhookEndpoints];
        clearWorld(world);
        for (const [id, endpoint] of endpoints) {
          world.tables.webhookEndpoints.set(id, endpoint);
        }
        keys.clear();
        requests.length = 0;
      }),
    close: async () => {
      clearInterval(ticker);
      await app.close();
      await deliveries.close();
      snapshot?.flush();
    },
  };

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, body);
    },
  );
  registerErrors(app);
  registerApi(app, {
    world,
    secretKey,
    endpoints: apiEndpoints(() => deliveries),
    faults,
    keys,
    requests,
    onChange: changed,
  });

  registerPages(app, world, act);
  registerControl(app, sandbox, secretKey);
  world.baseUrl = await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  // Sends the deliveries that an earlier run did not complete.
  deliveries.pump();
  return sandbox;
}
