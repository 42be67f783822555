import type { Use } from './core/consumption.ts';
import type { LatchkeyUnavailable } from './problem.ts';
import type { Change } from './routes.ts';

export interface Events {
  /** A user's entitlements changed. */
  change: Change;
  /** Latchkey became unreachable. */
  degraded: { reason: unknown };
  /** Latchkey is reachable again. */
  recovered: undefined;
  /**
   * A fail mode allowed a use of a metered feature without counting it. `consumeBatch` counts it later, once even
   * if the lost request was counted.
   */
  uncounted: Use & { error: LatchkeyUnavailable };
  /** A hold could not be settled with an amount, or an entry could not be reversed. The caller gets the error, too. */
  unsettled: { holdId?: string; amount?: number; entryId?: string; error: unknown };
}

type Callback<Name extends keyof Events> = (event: Events[Name]) => void;

export interface Emitter {
  /** Registers a callback for an event. Returns a function that removes it. */
  on: <Name extends keyof Events>(name: Name, callback: Callback<Name>) => () => void;
  emit: <Name extends keyof Events>(name: Name, event: Events[Name]) => void;
}

/**
 * Creates an emitter. An error that a callback throws becomes an uncaught error of the process, and the client
 * continues.
 */
export function createEmitter(): Emitter {
  const callbacks: { [Name in keyof Events]: Set<Callback<Name>> } = {
    change: new Set(),
    degraded: new Set(),
    recovered: new Set(),
    uncounted: new Set(),
    unsettled: new Set(),
  };
  return {
    on(name, callback) {
      callbacks[name].add(callback);
      return () => {
        callbacks[name].delete(callback);
      };
    },
    emit(name, event) {
      for (const callback of [...callbacks[name]]) {
        try {
          callback(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
