import { randomUUID } from 'node:crypto';
import { createBatches } from '../../platform/batches.ts';
import { type Attempt, createCircuit } from '../../platform/circuit.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Redis } from '../../platform/redis.ts';
import type { UserName } from '../users.ts';
import { type CachedAnswer, decodeAnswer, encodeAnswer } from './cached-answer.ts';
import { loadDatabaseIdentity } from './database-identity.ts';
import { loadTimelines } from './load-timelines.ts';
import { createSingleFlight } from './single-flight.ts';
import type { StoredTimeline } from './stored-timeline.ts';

/*
 * A user's key holds either a finished answer or the lease of a reader that is loading one. A commit that
 * changes the user deletes the key, and a reader fills it only if its own lease is still there. So no slow
 * reader restores an outdated answer (docs/adr/0005-cache.md).
 */

/** Lease of a reader that loads an answer, milliseconds; afterwards the next reader takes the lease. */
const leaseMs = 5_000;

const leaseMark = 'lease:';

/** Consecutive time-outs of Redis after which reads go straight to Postgres for a while. */
const failuresInARow = 3;

/** Delay before one read tries Redis again, milliseconds. */
const pauseMs = 500;

/** Maximum number of answers per command to Redis. */
const keysPerCommand = 100;

/** Maximum number of users per query to Postgres, and of concurrent queries. */
const usersPerQuery = 50;
const queriesAtOnce = 4;

/**
 * Time-out of a reader's wait for its query to begin, milliseconds: equal to that of a Postgres connection.
 */
const queryWaitMs = 2_000;

const fillScript = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return false`;

/** The result of reading the cache. Only the holder of a lease may fill it. */
type CacheRead =
  | { state: 'hit'; answer: CachedAnswer }
  | { state: 'leased'; lease: string }
  | { state: 'busy' }
  | { state: 'unavailable' };

/** A changed user, and whether the cache may still hold an outdated answer. */
interface Written {
  user: UserName & { uid: bigint };
  revision: number;
  cachePending: boolean;
}

export interface EntitlementCache {
  /**
   * Reads the cache.
   *
   * @param now epoch milliseconds: an expired answer is a miss.
   */
  read(user: UserName, now: number): Promise<CacheRead>;
  /**
   * Loads from Postgres, never a value older than the call. Readers who arrive while a query runs share the
   * next one, so a crowd costs two queries per process.
   */
  load(user: UserName): Promise<StoredTimeline>;
  /**
   * Caches an answer until its next change, and at most for the time to live from the instant of the request.
   */
  fill(user: UserName, lease: string, answer: CachedAnswer, times: FillTimes): Promise<void>;
  /**
   * Invalidates the answers of users with a pending change, and records it. If Redis cannot be reached, they
   * stay pending until a sweep invalidates them. It throws nothing, since the change is committed.
   */
  forget(written: Written[]): Promise<void>;
}

/** Epoch milliseconds. */
interface FillTimes {
  /** When the answer was requested: it was read from Postgres after this instant. */
  askedAt: number;
  now: number;
}

interface CacheDeps {
  redis: Redis | null;
  database: Database;
  metrics: Metrics;
  logger: Logger;
  monotonic: Clock;
  /** The published bound (promise 3): no answer lives longer, even if an invalidation was lost. */
  cacheTtlSeconds: number;
  /** Called after a commit that changed users. */
  onChange?: () => void;
}

export function createCache(deps: CacheDeps): EntitlementCache {
  const { redis, database, metrics, logger } = deps;
  const shared = createSingleFlight<StoredTimeline>();
  const loadStored = createBatches({
    load: async (users: UserName[]) =>
      (await loadTimelines(database, users)).map(({ timeline }) => timeline),
    maxSize: usersPerQuery,
    tenantOf: ({ projectId }) => projectId,
    limit: { maxRunning: queriesAtOnce, maxWaitMs: queryWaitMs },
  });
  const getText = createBatches({
    load: (keys: string[]) =>
      redis?.mget(keys) ?? Promise.reject(new Error('Redis is not configured')),
    maxSize: keysPerCommand,
  });
  const circuit = createCircuit({
    failures: failuresInARow,
    pauseMs,
    onChange(isOpen) {
      metrics.redisCircuitOpen.set(isOpen ? 1 : 0);
      if (isOpen) logger.warn('Redis does not respond: reads go to Postgres until it does');
      else logger.info('Redis responds again');
    },
  });
  let prefix: string | undefined;
  let asking: Promise<string> | undefined;

  async function askPrefix(): Promise<string> {
    try {
      prefix = `latchkey:${await loadDatabaseIdentity(database)}:`;
      return prefix;
    } finally {
      asking = undefined;
    }
  }

  /**
   * Loads the keys' prefix from Postgres once, shared by concurrent callers. The next call retries a failure.
   */
  function loadPrefix(): Promise<string> {
    asking ??= askPrefix();
    return asking;
  }

  async function keyOf(user: UserName): Promise<string> {
    return keyBelow(prefix ?? (await loadPrefix()), user);
  }

  function failed(operation: string, error: unknown): void {
    metrics.redisErrors.inc({ operation });
    logger.debug({ err: error, operation }, 'Redis did not respond');
  }

  return {
    async read(user, now) {
      if (redis === null) return { state: 'unavailable' };
      let attempt: Attempt | null = null;
      try {
        const key = keyBelow(prefix ?? (await loadPrefix()), user);
        attempt = circuit.attempt(deps.monotonic());
        if (attempt === null) return { state: 'unavailable' };
        const text = await getText(key);
        attempt.succeeded();
        if (text !== null) {
          if (text.startsWith(leaseMark)) return { state: 'busy' };
          const answer = decodeAnswer(text, now);
          if (answer !== null) return { state: 'hit', answer };
          await redis.del(key);
        }
        const lease = leaseMark + randomUUID();
        const taken = await redis.set(key, lease, 'PX', leaseMs, 'NX');
        return taken === null ? { state: 'busy' } : { state: 'leased', lease };
      } catch (error) {
        attempt?.failed();
        failed('read', error);
        return { state: 'unavailable' };
      }
    },

    load: (user) => shared(`${user.projectId} ${user.userId}`, () => loadStored(user)),

    async fill(user, lease, answer, { askedAt, now }) {
      if (redis === null) return;
      const until = Math.min(
        askedAt + deps.cacheTtlSeconds * 1_000,
        answer.nextChangeAt ?? Infinity,
      );
      // Redis accepts whole milliseconds only; rounding down keeps the answer within its bound.
      const ttlMs = Math.max(1, Math.floor(until - now));
      try {
        await redis.eval(fillScript, 1, await keyOf(user), lease, encodeAnswer(answer), ttlMs);
      } catch (error) {
        failed('fill', error);
      }
    },

    async forget(written) {
      const pending = written.filter(({ cachePending }) => cachePending);
      if (pending.length > 0) deps.onChange?.();
      // In a Redis cluster one node may fail; the users on the others are still invalidated.
      const tries = await Promise.allSettled(
        pending.map(async ({ user }) => redis?.del(await keyOf(user))),
      );
      const forgotten = pending.filter((_, at) => tries[at]?.status === 'fulfilled');
      const refusal = tries.find((attempt) => attempt.status === 'rejected');
      if (refusal !== undefined) failed('forget', refusal.reason);
      if (forgotten.length === 0) return;
      await clearPending(database, forgotten).catch((error: unknown) => {
        logger.warn(
          { err: error },
          'invalidated changed answers, but could not record the invalidation',
        );
      });
    },
  };
}

function keyBelow(prefix: string, { projectId, userId }: UserName): string {
  return `${prefix}${projectId}:${userId}`;
}

/**
 * Clears the mark only if the user was not changed again in the meantime: that change invalidates the cache
 * itself. Locks users in sorted order, as everywhere (docs/adr/0004-locks.md).
 */
async function clearPending(database: Database, forgotten: Written[]): Promise<void> {
  await database.pool.query(
    `update users u set cache_pending_at = null
     from (
       select users.uid from users
       join unnest($1::bigint[], $2::bigint[]) as t (uid, revision) using (uid, revision)
       order by 1 for update of users
     ) forgotten
     where u.uid = forgotten.uid`,
    [forgotten.map(({ user }) => user.uid), forgotten.map(({ revision }) => revision)],
  );
}
