import { once } from 'node:events';
import type { DestinationStream } from 'pino';
import { inject } from 'vitest';
import { type AppDeps, buildApp } from '../../src/app.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { closeDeps, openDeps } from '../../src/deps.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import type { App } from '../../src/http/app-types.ts';
import { syncAll } from '../../src/mirror/worker.ts';
import { createLogger } from '../../src/platform/logger.ts';
import type { LoopDelay } from '../../src/platform/loop-delay.ts';
import { openRedis, type Redis } from '../../src/platform/redis.ts';
import { TestClock } from './clock.ts';
import { createTestDatabase } from './database.ts';
import { text } from './json.ts';

export const adminKey = 'test_admin_key_of_more_than_32_characters';
export const webhookSecret = 'whsec_test_secret';

/** A Sunday, on which most tests begin. */
export const testStart = Date.parse('2026-11-01T00:00:00.000Z');

export interface TestServiceOptions {
  /** Where the service finds Stripe; by default nowhere. */
  stripeUrl?: string;
  /** The key that the service has of Stripe. */
  stripeKey?: string;
  /** What the clock shows at first, epoch milliseconds. */
  now?: number;
  /** The clock itself, where another server shares it. */
  clock?: TestClock;
  /** False: the service runs without a cache. */
  redis?: boolean;
  config?: Partial<Config>;
  /** STRIPE_MAX_RPS; by default so high that nothing waits. */
  maxRps?: number;
  /** How late the event loop claims to be; by default not at all. */
  loopDelay?: LoopDelay;
  /** Gets every line of the log. */
  log?: DestinationStream;
}

interface TestRequest {
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface TestResponse {
  status: number;
  /** The parsed JSON, the text where the answer is none, undefined where it is empty. */
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
  /** Sends a request as a client would, without a network in between. A path without `/api/` is one below `/api/v1`. */
  request: SendRequest;
  /** A project through the API, and a key of it that has every scope. */
  createProject(id: string, settings?: object): Promise<{ projectId: string; key: string }>;
  /** Listens on a free port of the loopback; resolves with the URL. */
  listen(): Promise<string>;
  /** Syncs until nothing is wanted that may be tried now. Nothing else syncs: no worker runs beside. */
  runWorker(): Promise<void>;
  close(): Promise<void>;
}

/** The real application on a database of its own and the run's Redis, with a clock that the test moves. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const clock = options.clock ?? new TestClock(options.now ?? testStart);
  const { url: databaseUrl, database, drop } = await createTestDatabase();
  const config = {
    ...loadConfig({
      DATABASE_URL: databaseUrl,
      STRIPE_SECRET_KEY: options.stripeKey ?? 'sk_test_123',
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      // A port on which nothing listens: a test that asks Stripe unawares fails at once.
      STRIPE_API_BASE: options.stripeUrl ?? 'http://127.0.0.1:9',
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      // The clock of a test stands still, so that no limit would flow back.
      KEY_MAX_RPS: '1000000',
    }),
    ...options.config,
  };
  config.stripe.maxRps = options.maxRps ?? 100_000;
  const redis = options.redis === false ? null : await connectRedis();
  const opened = openDeps(config, {
    clock: clock.now,
    monotonic: clock.monotonic,
    database,
    redis,
    // However busy the machine is, no request of a test is refused or delayed for it.
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

/** Sends requests to an application as a client would, without a network in between. */
export function requestTo(app: App): SendRequest {
  return async (method, path, { key, body, headers } = {}) => {
    const response = await app.inject({
      method,
      url: path.startsWith('/api/') ? path : `/api/v1${path}`,
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

/** Connected, and with a wait that a busy machine does not exceed: a test's hit is never a miss by chance. */
async function connectRedis(): Promise<Redis> {
  const redis = openRedis(inject('redisUrl'), () => undefined);
  redis.options.commandTimeout = 5_000;
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
