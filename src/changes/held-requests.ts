import type { FastifyRequest } from 'fastify';
import { callerOf, platformActor } from '../auth/caller.ts';
import { loadLiveKeys } from '../auth/load-keys.ts';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { repeat } from '../platform/repeat.ts';

/**
 * Interval at which the keys of held requests are checked, milliseconds: requests end within 5 s of their
 * key.
 */
const checkKeysEveryMs = 2_000;

const maxPerKey = 100;

/** A stream or long poll that this process holds open. */
interface Held {
  /** Aborts when the key ends or the process stops; the reason says which. */
  readonly ended: AbortSignal;
  /** Releases the slot; must be called when the request has ended. */
  giveBack: () => void;
}

type HeldEnd = 'key_ended' | 'stopping';

export interface HeldRequests {
  /**
   * Reserves a slot for a request.
   *
   * @throws ProblemError `overloaded`, `too_many_requests`.
   */
  take(request: FastifyRequest): Held;
  stop(): Promise<void>;
}

export interface HeldRequestDeps {
  clock: Clock;
  database: Database;
  lifecycle: Lifecycle;
  logger: Logger;
  metrics: Metrics;
  maxStreams: number;
}

/** Creates the slots for streams and long polls, limited per instance and per key. */
export function createHeldRequests(deps: HeldRequestDeps): HeldRequests {
  const { metrics } = deps;
  /** By the key that holds them. */
  const held = new Map<string, Set<AbortController>>();
  let total = 0;

  function end(actors: Iterable<string>, reason: HeldEnd): void {
    for (const actor of actors) for (const each of held.get(actor) ?? []) each.abort(reason);
  }

  const checking = repeat(
    checkKeysEveryMs,
    async () => {
      const actors = new Set(held.keys());
      actors.delete(platformActor);
      if (actors.size === 0) return;
      const live = await loadLiveKeys(deps.database, [...actors], deps.clock());
      end(actors.difference(live), 'key_ended');
    },
    (error) => {
      deps.logger.warn({ err: error }, 'could not look up the keys of held requests');
    },
  );

  deps.lifecycle.onStop(() => {
    end(held.keys(), 'stopping');
  });

  return {
    take(request) {
      const { actor } = callerOf(request);
      const ofKey = held.get(actor) ?? new Set();
      if (total >= deps.maxStreams) {
        throw new ProblemError(
          'overloaded',
          `This instance already holds ${deps.maxStreams} streams and long polls, its maximum. Retry later.`,
        );
      }
      if (ofKey.size >= maxPerKey) {
        metrics.rateLimited.inc({ limit: 'key' });
        throw new ProblemError(
          'too_many_requests',
          `The API key already holds ${maxPerKey} streams and long polls, its maximum. Close some, or follow several users on one stream.`,
        );
      }
      const controller = new AbortController();
      held.set(actor, ofKey.add(controller));
      total += 1;
      metrics.changeStreams.set(total);
      return {
        ended: controller.signal,
        giveBack() {
          if (!ofKey.delete(controller)) return;
          if (ofKey.size === 0) held.delete(actor);
          total -= 1;
          metrics.changeStreams.set(total);
        },
      };
    },
    stop: () => checking.stop(),
  };
}
