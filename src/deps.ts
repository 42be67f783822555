import type Stripe from 'stripe';
import type { Config } from './config.ts';
import type { Clock } from './platform/clock.ts';
import { createDatabaseClock, type DatabaseClock } from './platform/database-clock.ts';
import { type Database, openDatabase, readClock } from './platform/database.ts';
import { createLifecycle, type Lifecycle } from './platform/lifecycle.ts';
import { createLogger, type Logger } from './platform/logger.ts';
import { type LoopDelay, measureLoopDelay } from './platform/loop-delay.ts';
import { createMetrics, type Metrics } from './platform/metrics.ts';
import { createPace, type Pace } from './platform/pace.ts';
import { openRedis, type Redis } from './platform/redis.ts';
import { createKeyState, type KeyState, openPacedStripe } from './platform/stripe.ts';

/** The dependencies of the process. Each function declares the ones it uses. */
export interface Deps {
  config: Config;
  /** The clock that all instances share (`databaseClock`), or a test's clock. */
  clock: Clock;
  databaseClock: DatabaseClock;
  /** A monotonic clock, for durations and ages within this process, milliseconds. */
  monotonic: Clock;
  logger: Logger;
  metrics: Metrics;
  lifecycle: Lifecycle;
  loopDelay: LoopDelay;
  pace: Pace;
  database: Database;
  /** Null to run without a cache. */
  redis: Redis | null;
  stripe: Stripe;
  /** The Stripe client with the background's share of the rate budget. */
  stripeInBackground: Stripe;
  /** The Stripe client with reconciliation's share of the rate budget. */
  stripeForReconciliation: Stripe;
  keyState: KeyState;
}

/**
 * Creates all clients without sending requests, so that the service starts even if a dependency is
 * unavailable.
 */
export function openDeps(config: Config, overrides: Partial<Deps> = {}): Deps {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const metrics = createMetrics();
  const database =
    overrides.database ??
    openDatabase(
      config.databaseUrl,
      (error) => {
        metrics.postgresErrors.inc({ kind: 'connection_lost' });
        logger.warn({ err: error }, 'a Postgres connection was lost');
      },
      (kind) => {
        metrics.postgresErrors.inc({ kind });
      },
    );
  const monotonic: Clock = () => performance.now();
  const databaseClock = createDatabaseClock({
    readDatabase: () => readClock(database),
    machine: () => Date.now(),
    monotonic,
  });
  const keyState = createKeyState();
  const paced = { database, metrics, keyState };
  return {
    config,
    clock: databaseClock.now,
    databaseClock,
    monotonic,
    logger,
    metrics,
    lifecycle: createLifecycle(),
    loopDelay: overrides.loopDelay ?? measureLoopDelay(),
    pace: createPace(),
    database,
    redis: config.redisUrl === undefined ? null : openCacheStore(config.redisUrl, metrics, logger),
    stripe: openPacedStripe(config.stripe, 'buyers', paced),
    stripeInBackground: openPacedStripe(config.stripe, 'background', paced),
    stripeForReconciliation: openPacedStripe(config.stripe, 'reconciliation', paced),
    keyState,
    ...overrides,
  };
}

/** Creates the Redis client. Logs each outage once, because ioredis reports every failed reconnect. */
function openCacheStore(url: string, metrics: Metrics, logger: Logger): Redis {
  let isDown = false;
  const redis = openRedis(url, (error) => {
    metrics.redisErrors.inc({ operation: 'connection' });
    if (isDown) return;
    isDown = true;
    logger.warn({ err: error }, 'Redis cannot be reached; reads go to Postgres until it recovers');
  });
  redis.on('ready', () => {
    if (isDown) logger.info('Redis can be reached again');
    isDown = false;
  });
  return redis;
}

/** Closes everything that `openDeps` opened. */
export async function closeDeps(deps: Deps): Promise<void> {
  deps.loopDelay.stop();
  deps.redis?.disconnect();
  await deps.database.close();
}
