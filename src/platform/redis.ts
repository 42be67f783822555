import { Redis } from 'ioredis';
import { reasonOf } from './redaction.ts';

export type { Redis } from 'ioredis';

/** Timeout of a command, milliseconds. After it, the request continues without Redis. */
const redisWaitMs = 50;

/**
 * Timeout after which an unresponsive connection is replaced, milliseconds. The operating system takes about
 * 15 minutes to report a dead host.
 */
const silenceMs = 2_000;

/**
 * Creates a client that never makes a request wait longer than `redisWaitMs`. It has no offline queue, does
 * not retry commands, and reconnects in the background.
 */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    commandTimeout: redisWaitMs,
    socketTimeout: silenceMs,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    // Reads are already batched, so pipelining would only delay them.
    autoPipeliningIgnoredCommands: ['mget'],
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on('error', (error: Error) => {
    // By default, ioredis continues in database 0, which another program may be using.
    if (hasNoSuchDatabase(error)) redis.disconnect();
    onError(error);
  });
  return redis;
}

export interface RedisServer {
  /** The version, such as `7.0.15`. */
  version: string;
  /** The setting `maxmemory-policy`. With `noeviction`, writes fail once memory is full. */
  evictionPolicy: string;
}

/** Returns the address of a Redis without credentials, such as `localhost:6379, database 0`. */
export function redisPlaceOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  const database = pathname.length > 1 ? pathname.slice(1) : '0';
  return `${hostname}:${port === '' ? '6379' : port}, database ${database}`;
}

/** Thrown if Redis responds but cannot be used as configured. */
export class UnusableRedis extends Error {
  constructor(url: string, what: string) {
    super(`Redis at ${redisPlaceOf(url)}: ${what}`);
    this.name = 'UnusableRedis';
  }
}

/**
 * Inspects a Redis server over a separate connection.
 *
 * @throws UnusableRedis if the database does not exist or the password is rejected; Error if the server
 *   cannot be reached.
 */
export async function inspectRedis(url: string): Promise<RedisServer> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let refused: Error | undefined;
  redis.on('error', (error: Error) => {
    refused ??= error;
    if (hasNoSuchDatabase(error)) redis.disconnect();
  });
  try {
    await redis.connect().catch((error: unknown) => {
      throw refused ?? error;
    });
    if (refused !== undefined) throw refused;
    const info = await redis.info();
    const fieldOf = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
    return {
      version: fieldOf('redis_version') ?? 'of an unknown version',
      evictionPolicy: fieldOf('maxmemory_policy') ?? 'unknown',
    };
  } catch (error) {
    const reason = reasonOf(error);
    if (hasNoSuchDatabase(error)) {
      throw new UnusableRedis(
        url,
        'the database does not exist. Correct the number at the end of REDIS_URL.',
      );
    }
    if (/WRONGPASS|NOAUTH|NOPERM/.test(reason)) {
      throw new UnusableRedis(url, `it rejects the user or password in REDIS_URL (${reason}).`);
    }
    throw new Error(`Redis at ${redisPlaceOf(url)}: ${reason}`, { cause: error });
  } finally {
    redis.disconnect();
  }
}

function hasNoSuchDatabase(error: unknown): boolean {
  return error instanceof Error && error.message.includes('DB index is out of range');
}
