import { randomUUID } from 'node:crypto';
import type { Deps } from '../../deps.ts';
import { createBatches } from '../../platform/batches.ts';
import { type Attempt, createCircuit } from '../../platform/circuit.ts';
import type { Database } from '../../platform/database.ts';
import { createSingleFlight } from '../../platform/single-flight.ts';
import type { UserName } from '../users.ts';
import { type CachedAnswer, decodeAnswer, encodeAnswer } from './cached-answer.ts';
import { loadDatabaseIdentity } from './database-identity.ts';
import { loadTimelines } from './load-timelines.ts';
import type { StoredTimeline } from './stored-timeline.ts';

/*
 * A user's key holds either a finished answer or the lease of a reader that is loading one. A commit that
 * changes the user deletes the key, and a reader fills the key only if it still holds that reader's lease. So
 * a slow reader never restores an outdated answer (docs/adr/0005-cache.md).
 */

/** Duration of a reader's lease, milliseconds. After that, another reader may acquire the key. */
const leaseMs = 5_000;

const leasePrefix = 'lease:';

/** Number of consecutive Redis timeouts after which reads bypass Redis for a while. */
const maxFailures = 3;

/** Delay before a single read tries Redis again, milliseconds. */
const pauseMs = 500;

/** Maximum number of answers per Redis command. */
const maxKeysPerCommand = 100;

/** Maximum number of users per Postgres query. */
const maxUsersPerQuery = 50;
const maxConcurrentQueries = 4;

/** Maximum wait for a query to begin, milliseconds. Equals the maximum wait for a Postgres connection. */
const maxQueryWaitMs = 2_000;

const fillScript = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return false`;

/** The result of reading the cache. Only the holder of a lease may fill the key. */
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
   * @param now epoch milliseconds. An expired answer is a miss.
   */
  read(user: UserName, now: number): Promise<CacheRead>;
  /**
   * Loads from Postgres, never a value older than the call. Readers that arrive during a query share the next
   * one, so any number of concurrent readers of one user costs at most two queries per process.
   */
  load(user: UserName): Promise<StoredTimeline>;
  /**
   * Caches an answer until its next change, but at most for the cache's time to live, measured from the
   * request.
   */
  fill(user: UserName, lease: string, answer: CachedAnswer, times: FillTimes): Promise<void>;
  /**
   * Invalidates the answers of users with a pending change and records the invalidation. If Redis cannot be
   * reached, the sweep retries. Does not throw, because the change is already committed.
   */
  forget(written: Written[]): Promise<void>;
}

/** Epoch milliseconds. */
interface FillTimes {
  /** When the answer was requested. The read from Postgres began later. */
  requestedAt: number;
  now: number;
}

interface CacheDeps extends Pick<Deps, 'redis' | 'database' | 'metrics' | 'logger' | 'monotonic'> {
  /** Maximum age of an answer, even if an invalidation was lost. */
  cacheTtlSeconds: number;
  /** Called after a commit that changed users. */
  onChange?: () => void;
}

/** Creates the cache of entitlements. */
export function createCache(deps: CacheDeps): EntitlementCache {
  const { redis, database, metrics, logger } = deps;
  const shared = createSingleFlight<StoredTimeline>();
  const loadStored = createBatches({
    load: async (users: UserName[]) =>
      (await loadTimelines(database, users)).map(({ timeline }) => timeline),
    maxSize: maxUsersPerQuery,
    tenantOf: ({ projectId }) => projectId,
    limit: { maxRunning: maxConcurrentQueries, maxWaitMs: maxQueryWaitMs },
  });
  const getText = createBatches({
    load: (keys: string[]) =>
      redis?.mget(keys) ?? Promise.reject(new Error('Redis is not configured')),
    maxSize: maxKeysPerCommand,
  });
  const circuit = createCircuit({
    failures: maxFailures,
    pauseMs,
    onChange(isOpen) {
      metrics.redisCircuitOpen.set(isOpen ? 1 : 0);
      if (isOpen) logger.warn('Redis does not respond; reads go to Postgres until it recovers');
      else logger.info('Redis responds again');
    },
  });
  let prefix: string | undefined;
  let loadingPrefix: Promise<string> | undefined;

  async function queryPrefix(): Promise<string> {
    try {
      prefix = `latchkey:${await loadDatabaseIdentity(database)}:`;
      return prefix;
    } finally {
      loadingPrefix = undefined;
    }
  }

  /** Loads the key prefix once for all concurrent callers. After a failure, the next call retries. */
  function loadPrefix(): Promise<string> {
    loadingPrefix ??= queryPrefix();
    return loadingPrefix;
  }

  async function keyOf(user: UserName): Promise<string> {
    return keyWith(prefix ?? (await loadPrefix()), user);
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
        const key = keyWith(prefix ?? (await loadPrefix()), user);
        attempt = circuit.attempt(deps.monotonic());
        if (attempt === null) return { state: 'unavailable' };
        const text = await getText(key);
        attempt.succeeded();
        if (text !== null) {
          if (text.startsWith(leasePrefix)) return { state: 'busy' };
          const answer = decodeAnswer(text, now);
          if (answer !== null) return { state: 'hit', answer };
          await redis.del(key);
        }
        const lease = leasePrefix + randomUUID();
        const acquired = await redis.set(key, lease, 'PX', leaseMs, 'NX');
        return acquired === null ? { state: 'busy' } : { state: 'leased', lease };
      } catch (error) {
        attempt?.failed();
        failed('read', error);
        return { state: 'unavailable' };
      }
    },

    load: (user) => shared(`${user.projectId} ${user.userId}`, () => loadStored(user)),

    async fill(user, lease, answer, { requestedAt, now }) {
      if (redis === null) return;
      const until = Math.min(
        requestedAt + deps.cacheTtlSeconds * 1_000,
        answer.nextChangeAt ?? Infinity,
      );
      // Redis accepts only whole milliseconds. Rounding down keeps the answer within its bound.
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
      // If one node of a Redis cluster fails, users on the other nodes are still invalidated.
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
          'could not record that changed answers were invalidated; the sweep retries',
        );
      });
    },
  };
}

function keyWith(prefix: string, { projectId, userId }: UserName): string {
  return `${prefix}${projectId}:${userId}`;
}

/**
 * Clears users' pending changes, except those of users who were changed again in the meantime. Locks users in
 * sorted order (docs/adr/0004-locks.md).
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
