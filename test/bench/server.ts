/* One server of the bench, in a separate process: the service, or its floors. */
import pino from 'pino';
import { z } from 'zod';
import { buildApp } from '../../src/app.ts';
import { createFeed } from '../../src/changes/feed.ts';
import { loadConfig } from '../../src/config.ts';
import { openDeps } from '../../src/deps.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import { createSender } from '../../src/outbound/send.ts';
import { createLogger } from '../../src/platform/logger.ts';
import type { Redis } from '../../src/platform/redis.ts';
import { runService } from '../../src/run-service.ts';
import { buildFloors } from './floors.ts';

const settings = z
  .object({
    /** `push`: the service with its background work. */
    kind: z.enum(['service', 'push', 'floors']),
    port: z.int(),
    databaseUrl: z.string(),
    redisUrl: z.string(),
    adminKey: z.string(),
    webhookSecret: z.string(),
    /** How long answers are cached, seconds. */
    cacheTtlSeconds: z.int(),
    autoPipelining: z.boolean(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));

const config = loadConfig({
  DATABASE_URL: settings.databaseUrl,
  REDIS_URL: settings.redisUrl,
  STRIPE_SECRET_KEY: 'sk_test_bench',
  STRIPE_WEBHOOK_SECRETS: settings.webhookSecret,
  STRIPE_API_BASE: 'http://127.0.0.1:9',
  ADMIN_API_KEY: settings.adminKey,
  METRICS_TOKEN: settings.adminKey,
  CACHE_TTL_SECONDS: String(settings.cacheTtlSeconds),
  // All load comes with one key.
  KEY_MAX_RPS: '1000000',
  HOST: '127.0.0.1',
  PORT: String(settings.port),
  // There is no Stripe to compare with.
  RECONCILE_CRON: '',
  MAX_STREAMS: '2000',
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
});
// Every log line is written, as in production, to a target that costs the bench's own process nothing.
const logger = createLogger(config.logLevel, pino.destination('/dev/null'));
const deps = openDeps(config, { logger });
const { redis } = deps;
if (redis === null) throw new Error('the bench needs a Redis');
redis.options.enableAutoPipelining = settings.autoPipelining;
// A busy machine must not count as a hanging Redis, since a floor has no fallback.
redis.options.commandTimeout = 5_000;

async function listen(redis: Redis): Promise<void> {
  if (settings.kind === 'push') {
    await runService(deps);
    return;
  }
  const app =
    settings.kind === 'service'
      ? await buildApp({
          ...deps,
          feed: createFeed(deps),
          sender: createSender({ ...deps, allowedNetworks: [] }),
          cache: createCache({ ...deps, cacheTtlSeconds: config.cacheTtlSeconds }),
          wake: () => undefined,
          jobsHealthy: () => true,
        })
      : buildFloors({ ...deps, redis, webhookSecret: settings.webhookSecret });
  await app.listen({ host: '127.0.0.1', port: settings.port });
}

await listen(redis);
// A profiler writes its result only when the process exits normally.
process.once('SIGTERM', () => process.exit());
process.stdout.write(`listening http://127.0.0.1:${settings.port}\n`);
