import type { Redis } from '../platform/redis.ts';

/** Wake-ups between instances. What gets lost costs a second, since every instance also looks by itself. */
export interface WakeUps {
  /** Listens from now on. */
  listen(database: string): void;
  announce(last: bigint): void;
  stop(): void;
}

/** Creates wake-ups over Redis pub/sub, on a connection of their own: one that listens can do nothing else. */
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
