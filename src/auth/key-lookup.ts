import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../http/problem.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';
import { createBatches, QueueFull } from '../platform/batches.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { withTimeout } from '../platform/with-timeout.ts';
import { isWellFormedKey } from './api-key.ts';
import { type Caller, scopes } from './caller.ts';
import { type KeyRow, loadKeys } from './load-keys.ts';

/**
 * Maximum age of a key's cached state, milliseconds. A deleted key stops working everywhere within this time.
 */
const freshMs = 5_000;

/** Maximum age of a known key's cached state while Postgres is unreachable, milliseconds. */
const staleMs = 60_000;

/** Timeout for looking up a known key, and the pause after a failed look-up, milliseconds. */
const waitMs = 500;
const pauseMs = 1_000;

/** Minimum interval between writes of `last_used_at`, milliseconds. */
const usedEveryMs = 60_000;

/** Maximum number of cached keys. Those validated longest ago are evicted first. */
const maxEntries = 10_000;

/**
 * The token bucket for unknown keys, one per client. Each invalid key costs a token. Without a token, a
 * look-up waits in the slow queue.
 */
const unknownKeys = { perSecond: 1, capacity: 100, maxEntries: 10_000 };

/**
 * Maximum number of concurrent look-ups of unknown keys, over all clients. Further look-ups wait in the slow
 * queue. This limits how much a flood from many addresses can delay known keys, which use the same
 * connections.
 */
const maxUnknown = 100;

/**
 * The slow queue runs ten queries per second, each for up to 100 keys drawn round-robin by client. This
 * bounds the cost of a flood of guesses, and a valid key from the same address is still found.
 */
const slowQueue = { everyMs: 100, maxSize: 100, maxWaitMs: 5_000, maxWaitingPerClient: 1_000 };

/**
 * A cached key. `at` and `pausedUntil` are monotonic times, so that setting the clock back cannot keep a
 * deleted key alive.
 */
interface Entry {
  caller: Caller;
  /** Epoch milliseconds. */
  expiresAt: number | null;
  validatedAt: number;
  /** When the pause after a failed look-up ends. */
  pausedUntil: number;
  usedAt: number;
}

export interface KeyLookup {
  /**
   * Returns the caller that a project's key identifies, or null if the key is not valid now.
   *
   * @param hash the hash of the key.
   * @param client returns the client of the request. Called only if the key is unknown.
   * @throws ProblemError too_many_requests if the key is unknown and too many of the client's unknown keys
   *   are already waiting.
   */
  find(key: string, hash: Buffer, client: () => string): Promise<Caller | null>;
}

/**
 * Creates the look-up of project keys. Recently seen keys cost no query, and concurrent requests share one.
 * Unknown keys are not cached, so a new key works immediately. Queries use reserved connections, so a deleted
 * key stops working in time even if the process is busy.
 */
export function createKeyLookup(deps: {
  database: Database;
  clock: Clock;
  monotonic: Clock;
  logger: Logger;
  metrics: Metrics;
}): KeyLookup {
  const guesses = createTokenBuckets(unknownKeys);
  const entries = new Map<string, Entry>();
  const asking = new Map<string, Promise<Entry | null>>();
  let unknownRunning = 0;
  const loadSlowly = createBatches({
    load: async (asked: { hash: Buffer; client: string }[]) => {
      await sleep(slowQueue.everyMs);
      const rows = await loadKeys(
        deps.database,
        asked.map(({ hash }) => hash),
      );
      return asked.map(({ hash }) => rows.find((row) => row.hash.equals(hash)));
    },
    maxSize: slowQueue.maxSize,
    tenantOf: ({ client }) => client,
    limit: {
      maxRunning: 1,
      maxWaitMs: slowQueue.maxWaitMs,
      maxWaitingPerTenant: slowQueue.maxWaitingPerClient,
    },
  });

  async function loadKey(hash: Buffer): Promise<KeyRow | undefined> {
    return (await loadKeys(deps.database, [hash]))[0];
  }

  /** Queries Postgres and caches the result as of the start of the query. */
  function ask(
    id: string,
    hash: Buffer,
    now: number,
    load: (hash: Buffer) => Promise<KeyRow | undefined> = loadKey,
  ): Promise<Entry | null> {
    const asked = asking.get(id);
    if (asked !== undefined) return asked;
    const answer = load(hash)
      .then((row) => {
        if (row !== undefined) return remember(id, row, now);
        entries.delete(id);
        return null;
      })
      .finally(() => asking.delete(id));
    asking.set(id, answer);
    return answer;
  }

  function remember(id: string, row: KeyRow, now: number): Entry {
    const entry: Entry = {
      caller: {
        actor: row.id,
        projectId: row.project_id,
        scopes: new Set(row.scopes.includes('admin') ? scopes : row.scopes),
        user: null,
      },
      expiresAt: row.expires_at?.getTime() ?? null,
      validatedAt: now,
      pausedUntil: now,
      usedAt: entries.get(id)?.usedAt ?? -Infinity,
    };
    entries.delete(id);
    entries.set(id, entry);
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
    return entry;
  }

  /** Looks up an unknown key. Concurrent requests with the same key share a look-up. */
  async function askUnknown(
    id: string,
    hash: Buffer,
    now: number,
    client: string,
  ): Promise<Entry | null> {
    if (asking.has(id)) return ask(id, hash, now);
    if (unknownRunning >= maxUnknown || guesses.take(client, now) > 0) {
      return askSlowly(id, hash, now, client);
    }
    let isWrong = false;
    unknownRunning += 1;
    try {
      const entry = await ask(id, hash, now);
      isWrong = entry === null;
      return entry;
    } finally {
      unknownRunning -= 1;
      if (!isWrong) guesses.giveBack(client);
    }
  }

  async function askSlowly(
    id: string,
    hash: Buffer,
    now: number,
    client: string,
  ): Promise<Entry | null> {
    try {
      return await ask(id, hash, now, (asked) => loadSlowly({ hash: asked, client }));
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      deps.metrics.rateLimited.inc({ limit: 'client' });
      throw new ProblemError(
        'too_many_requests',
        'Too many requests from this address had an invalid API key. Send a valid key, or retry later.',
      );
    }
  }

  async function current(
    key: string,
    hash: Buffer,
    now: number,
    client: () => string,
  ): Promise<Entry | null> {
    const id = hash.toString('base64');
    const known = entries.get(id);
    if (known === undefined) {
      return isWellFormedKey(key) ? askUnknown(id, hash, now, client()) : null;
    }
    const age = now - known.validatedAt;
    if (age < freshMs) return known;
    if (age >= staleMs) return ask(id, hash, now);
    if (now < known.pausedUntil) return known;
    try {
      return await withTimeout(waitMs, ask(id, hash, now));
    } catch (error) {
      known.pausedUntil = now + pauseMs;
      deps.logger.warn(
        { err: error },
        'could not look up a known key; its cached state stays in use',
      );
      return known;
    }
  }

  function noteUse(entry: Entry, now: number): void {
    if (now - entry.usedAt < usedEveryMs) return;
    entry.usedAt = now;
    deps.database.pool
      .query('update api_keys set last_used_at = $2 where id = $1', [
        entry.caller.actor,
        new Date(deps.clock()),
      ])
      .catch((error: unknown) => {
        deps.logger.warn({ err: error }, 'could not store when a key was last used');
      });
  }

  return {
    async find(key, hash, client) {
      const now = deps.monotonic();
      const entry = await current(key, hash, now, client);
      if (entry === null) return null;
      if (entry.expiresAt !== null && deps.clock() >= entry.expiresAt) return null;
      noteUse(entry, now);
      return entry.caller;
    },
  };
}
