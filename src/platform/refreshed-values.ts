import type { Clock } from './clock.ts';
import { createSingleFlight } from './single-flight.ts';
import { withTimeout } from './with-timeout.ts';

/** Timeout for reloading a value while an older one is known, milliseconds. */
const waitMs = 500;

/** Period after a failed reload in which the older value is used immediately, milliseconds. */
const pauseMs = 1_000;

/** An in-memory cache of values by key, which reloads a value that is too old. */
export interface RefreshedValues<Value> {
  /**
   * Returns the value, at most `freshMs` old. If reloading fails or takes too long, returns an older value of
   * at most `staleMs`.
   */
  get(key: string): Promise<Value>;
  /** Loads the value, never as of an instant before the call. */
  reload(key: string): Promise<Value>;
  /** Returns the value that is in memory, however old; undefined if it was never loaded. */
  last(key: string): Value | undefined;
}

interface Entry<Value> {
  value: Value;
  loadedAt: number;
  /** When the pause after a failed reload ends. */
  pausedUntil: number;
}

/** Creates an empty cache. Concurrent callers share a load. */
export function createRefreshedValues<Value>({
  load,
  freshMs,
  staleMs = Infinity,
  monotonic,
}: {
  load: (key: string) => Promise<Value>;
  freshMs: number;
  staleMs?: number;
  monotonic: Clock;
}): RefreshedValues<Value> {
  const entries = new Map<string, Entry<Value>>();
  const shared = createSingleFlight<Value>();

  function reload(key: string): Promise<Value> {
    return shared(key, async () => {
      const loadedAt = monotonic();
      const value = await load(key);
      entries.set(key, { value, loadedAt, pausedUntil: loadedAt });
      return value;
    });
  }

  return {
    async get(key) {
      const now = monotonic();
      const known = entries.get(key);
      if (known === undefined || now - known.loadedAt >= staleMs) return reload(key);
      if (now - known.loadedAt < freshMs || now < known.pausedUntil) return known.value;
      try {
        return await withTimeout(waitMs, reload(key));
      } catch {
        known.pausedUntil = now + pauseMs;
        return known.value;
      }
    },
    reload,
    last: (key) => entries.get(key)?.value,
  };
}
