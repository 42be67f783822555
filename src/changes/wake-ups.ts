import type { Redis } from '../platform/redis.ts';

/**
 * Wake-ups between instances. A lost wake-up delays a change by at most a second, because every instance also
 * polls.
 */
export interface WakeUps {
  /** Subscribes to the channel of the database. */
  listen(database: string): void;
  announce(last: bigint): void;
  stop(): void;
}

/**
 * Creates wake-ups over Redis pub/sub. They use a separate connection, because a subscribed connection accepts
 * no other commands.
 */
export function createWakeUps(redis: Redis | null, wake: () => void): WakeUps {
  if (redis === null) {
    return { listen: () => undefined, announce: () => undefined, stop: () => undefined };
  }
  let channel: string | undefined;
  let subscriber: Redis | undefined;
  return {
    listen(database) {
      if (channel !== undefined) return;
      channel = `latchkey:${database}:changes`;
      // ioredis subscribes again after each reconnect; the main connection reports outages.
      subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
      subscriber.on('error', () => undefined);
      subscriber.on('message', wake);
      subscriber.subscribe(channel).catch(() => undefined);
    },
    announce(last) {
      if (channel !== undefined) redis.publish(channel, String(last)).catch(() => undefined);
    },
    stop() {
      subscriber?.disconnect();
    },
  };
}
