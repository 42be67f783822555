import type { FastifyRequest } from 'fastify';
import { type Caller, callerOf } from '../auth/caller.ts';
import { loadEndedCallers } from '../auth/ended-callers.ts';
import type { Deps } from '../deps.ts';
import { ProblemError } from '../http/problem.ts';
import { repeat } from '../platform/repeat.ts';

/**
 * Interval at which the keys of held requests are checked, milliseconds: a request ends at most 5 s after its
 * key does.
 */
const checkKeysEveryMs = 2_000;

/** Maximum number of slots per API key, or per user with user tokens. */
const maxPerKey = 100;

/**
 * Why a held request must end. `key_ended`: its key was deleted or has expired; `stopping`: the process stops;
 * `crowded_out`: its project has the most slots, and another project needs one.
 */
export type HeldEnd = 'key_ended' | 'stopping' | 'crowded_out';

/** The slot of a stream or long poll that this process holds open. */
interface Held {
  /** Aborts when the request must end. */
  readonly ended: AbortSignal;
  /** Returns why the request must end; null until then. */
  reason: () => HeldEnd | null;
  /** Releases the slot; must be called when the request has ended. */
  release: () => void;
}

export interface HeldRequests {
  /**
   * Reserves a slot for a request. If none is free, ends the newest request of the project with the most
   * slots, provided it has at least two more than the caller's.
   *
   * @throws ProblemError `too_many_requests` (the key or user is at its maximum), `overloaded` (no slot can be
   * freed).
   */
  reserve(request: FastifyRequest): Held;
  /** Ends all requests, and every later one at once. */
  stop(): Promise<void>;
}

export interface HeldRequestDeps extends Pick<
  Deps,
  'clock' | 'database' | 'lifecycle' | 'logger' | 'metrics'
> {
  /** Maximum number of slots per instance. */
  maxStreams: number;
}

interface Slot {
  caller: Caller;
  end: HeldEnd | null;
  controller: AbortController;
}

/** Creates the slots for streams and long polls, limited per instance and per key. */
export function createHeldRequests(deps: HeldRequestDeps): HeldRequests {
  const { lifecycle, metrics } = deps;
  /** The newest last. */
  const slots = new Set<Slot>();
  let isStopping = lifecycle.isStopping;

  function release(slot: Slot): void {
    slots.delete(slot);
    metrics.changeStreams.set(slots.size);
  }

  function end(which: Iterable<Slot>, reason: HeldEnd): void {
    for (const slot of which) {
      slot.end = reason;
      release(slot);
      slot.controller.abort();
    }
  }

  /**
   * Frees a slot of the project with the most slots. Returns false if that project has at most one slot more
   * than the caller's project.
   */
  function crowdOut(projectId: string | null): boolean {
    const byProject = Map.groupBy(slots, ({ caller }) => caller.projectId);
    const own = byProject.get(projectId)?.length ?? 0;
    const [most = []] = [...byProject.values()].toSorted((a, b) => b.length - a.length);
    if (most.length <= own + 1) return false;
    end(most.slice(-1), 'crowded_out');
    return true;
  }

  const checking = repeat(
    checkKeysEveryMs,
    async () => {
      const callers = [...slots].map(({ caller }) => caller);
      const ended = await loadEndedCallers(deps.database, callers, deps.clock());
      end(
        [...slots].filter(({ caller }) => ended.has(caller)),
        'key_ended',
      );
    },
    (error) => {
      deps.logger.warn({ err: error }, 'could not look up the keys of held requests');
    },
  );

  function endAll(): void {
    isStopping = true;
    end([...slots], 'stopping');
  }
  lifecycle.onStop(endAll);

  return {
    reserve(request) {
      const caller = callerOf(request);
      if ([...slots].filter((slot) => slot.caller.actor === caller.actor).length >= maxPerKey) {
        metrics.rateLimited.inc({ limit: 'key' });
        throw new ProblemError(
          'too_many_requests',
          `The API key or user already holds ${maxPerKey} streams and long polls, its maximum. Close some, or follow several users on one stream.`,
        );
      }
      if (slots.size >= deps.maxStreams && !crowdOut(caller.projectId)) {
        throw new ProblemError(
          'overloaded',
          `This instance already holds ${deps.maxStreams} streams and long polls, its maximum. Retry later.`,
        );
      }
      const slot: Slot = { caller, end: null, controller: new AbortController() };
      slots.add(slot);
      metrics.changeStreams.set(slots.size);
      if (isStopping) end([slot], 'stopping');
      return {
        ended: slot.controller.signal,
        reason: () => slot.end,
        release: () => {
          release(slot);
        },
      };
    },
    stop() {
      endAll();
      return checking.stop();
    },
  };
}
