import { once } from 'node:events';
import type { DestinationStream } from 'pino';
import { inject } from 'vitest';
import { type AppDeps, buildApp } from '../../src/app.ts';
import { createFeed } from '../../src/changes/feed.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { closeDeps, openDeps } from '../../src/deps.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import type { App } from '../../src/http/app-types.ts';
import { createSender } from '../../src/outbound/send.ts';
import { syncAll } from '../../src/mirror/worker.ts';
import { createLogger } from '../../src/platform/logger.ts';
import type { LoopDelay } from '../../src/platform/loop-delay.ts';
import { openRedis, type Redis } from '../../src/platform/redis.ts';
import { TestClock } from './clock.ts';
import { createTestDatabase } from './database.ts';
import { text } from './json.ts';

export const adminKey = 'test_admin_key_of_more_than_32_characters';
export const webhookSecret = 'whsec_test_secret';

/** The start of most tests, a Sunday. */
export const testStart = Date.parse('2026-11-01T00:00:00.000Z');

export interface TestServiceOptions {
  /** The URL of Stripe; by default none. */
  stripeUrl?: string;
  /** The service's Stripe key. */
  stripeKey?: string;
  /** The clock's start, epoch milliseconds. */
  now?: number;
  /** The clock, if another server shares it. */
  clock?: TestClock;
  /** False: the service runs without a cache. */
  redis?: boolean;
  /** The URL of a Redis that may fail, used with the service's own timeouts; by default the run's Redis. */
  redisUrl?: string;
  config?: Partial<Config>;
  /** STRIPE_MAX_RPS; by default high enough that nothing waits. */
  maxRps?: number;
  /** The reported delay of the event loop; 0 by default. */
  loopDelay?: LoopDelay;
  /** Called with every line of the log. */
  log?: DestinationStream;
}

interface TestRequest {
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface TestResponse {
  status: number;
  /** The parsed JSON, text if the body is not JSON, undefined if it is empty. */
  body: unknown;
  headers: Record<string, string | number | string[] | undefined>;
}

type SendRequest = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  request?: TestRequest,
) => Promise<TestResponse>;

export interface TestService {
  app: App;
  deps: AppDeps;
  clock: TestClock;
  /** May do everything in every project. */
  adminKey: string;
  /**
   * Sends a request as a client would, without a network. A path below none of `/api/`, `/ofrep/` and `/.well-known/` is relative to `/api/v1`.
   */
  request: SendRequest;
  /** Creates a project through the API, with a key of every scope. */
  createProject(id: string, settings?: object): Promise<{ projectId: string; key: string }>;
  /** Listens on a free port of the loopback interface; resolves with the URL. */
  listen(): Promise<string>;
  /** Syncs until no object is due. Nothing else syncs: no worker runs in the background. */
  runWorker(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the real application on a private database and the run's Redis, with a clock that the test moves.
 */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const clock = options.clock ?? new TestClock(options.now ?? testStart);
  const { url: databaseUrl, database, drop } = await createTestDatabase();
  const config = {
    ...loadConfig({
      DATABASE_URL: databaseUrl,
      STRIPE_SECRET_KEY: options.stripeKey ?? 'sk_test_123',
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      // A closed port: a test that calls Stripe by mistake fails at once.
      STRIPE_API_BASE: options.stripeUrl ?? 'http://127.0.0.1:9',
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      // A test's clock stands still, so no limit would refill.
      KEY_MAX_RPS: '1000000',
    }),
    ...options.config,
  };
  config.stripe.maxRps = options.maxRps ?? 100_000;
  const redis = options.redis === false ? null : await connectRedis(options.redisUrl);
  const opened = openDeps(config, {
    clock: clock.now,
    monotonic: clock.monotonic,
    database,
    redis,
    // No request of a test is refused or delayed on a busy machine.
    pace: { note: () => undefined, admits: () => true },
    loopDelay: options.loopDelay ?? {
      ms: () => 0,
      restart: () => undefined,
      stop: () => undefined,
    },
    ...(options.log === undefined ? {} : { logger: createLogger('trace', options.log) }),
  });
  const deps: AppDeps = {
    ...opened,
    cache: createCache({ ...opened, cacheTtlSeconds: config.cacheTtlSeconds }),
    feed: createFeed(opened),
    sender: createSender({ ...opened, allowedNetworks: config.webhookAllowedNetworks }),
    wake: () => undefined,
    jobsHealthy: () => true,
  };
  const app = await buildApp(deps);
  const request = requestTo(app);

  return {
    app,
    deps,
    clock,
    adminKey,
    request,
    async createProject(id, settings = {}) {
      const project = await request('POST', '/admin/projects', {
        key: adminKey,
        body: { id, name: id, settings },
      });
      const key = await request('POST', `/admin/projects/${id}/keys`, {
        key: adminKey,
        body: { name: 'test', scopes: ['read', 'checkout', 'admin'] },
      });
      return { projectId: text(project.body, 'id'), key: text(key.body, 'key') };
    },
    listen: async () => app.listen({ host: '127.0.0.1', port: 0 }),
    runWorker: () => syncAll(deps),
    async close() {
      await app.close();
      await closeDeps({ ...deps, database: { ...database, close: drop } });
    },
  };
}

/** Sends requests to an application as a client would, without a network. */
export function requestTo(app: App): SendRequest {
  return async (method, path, { key, body, headers } = {}) => {
    const response = await app.inject({
      method,
      url: /^\/(api|ofrep|\.well-known)\//.test(path) ? path : `/api/v1${path}`,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.statusCode, body: parse(response.body), headers: response.headers };
  };
}

/**
 * Connects to Redis; the run's own by default, with a timeout that a busy machine does not reach, so that a
 * test's hit is never a miss by chance.
 */
async function connectRedis(url?: string): Promise<Redis> {
  const redis = openRedis(url ?? inject('redisUrl'), () => undefined);
  if (url === undefined) redis.options.commandTimeout = 5_000;
  if (redis.status !== 'ready') await once(redis, 'ready');
  return redis;
}

function parse(body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
