import { Redis } from 'ioredis';

export type { Redis } from 'ioredis';

/** How long a request waits for Redis before it goes on without, milliseconds. */
const redisWaitMs = 50;

/**
 * How long a connection may leave all that it was asked unanswered, milliseconds, before another is made:
 * of a host that is gone the system would take a quarter of an hour to say so.
 */
const silenceMs = 2_000;

/**
 * A client that never makes a request wait longer than `redisWaitMs`: no offline queue, no retries
 * of a command, a reconnect in the background.
 */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    commandTimeout: redisWaitMs,
    socketTimeout: silenceMs,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    // Reads come in batches already: gathering them again would only keep them waiting.
    autoPipeliningIgnoredCommands: ['mget'],
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on('error', onError);
  return redis;
}
