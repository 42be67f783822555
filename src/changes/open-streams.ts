import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, platformActor } from '../auth/caller.ts';
import { loadLiveKeys } from '../auth/load-keys.ts';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { repeat } from '../platform/repeat.ts';
import { openStream, type Stream } from './event-stream.ts';

/** How often streams get a comment, so that proxies keep them and clients notice a dead connection. */
const commentEveryMs = 15_000;

/** How often the keys of streams are looked up, milliseconds: a stream ends within 5 s of its key. */
const checkKeysEveryMs = 2_000;

const maxStreamsPerKey = 100;

/** The connections that this process holds open for readers of the feed. */
export interface Streams {
  /**
   * Takes a place, which the returned function gives back.
   *
   * @throws ProblemError `overloaded`, `too_many_requests`.
   */
  take(request: FastifyRequest): () => void;
  /** Turns the reply into a stream of events, until it or the process ends. */
  open(request: FastifyRequest, reply: FastifyReply, giveBack: () => void): Stream;
  /** Aborts when the process stops: its readers go on elsewhere. */
  readonly stopping: AbortSignal;
  stop(): Promise<void>;
}

export interface StreamsDeps {
  clock: Clock;
  database: Database;
  lifecycle: Lifecycle;
  logger: Logger;
  metrics: Metrics;
  maxStreams: number;
}

export function createStreams(deps: StreamsDeps): Streams {
  const { metrics } = deps;
  const open = new Map<Stream, string>();
  const taken = new Map<string, number>();
  const stopping = new AbortController();
  let total = 0;

  function take(request: FastifyRequest): () => void {
    const { actor } = callerOf(request);
    const ofKey = taken.get(actor) ?? 0;
    if (total >= deps.maxStreams) {
      throw new ProblemError('overloaded', 'This instance holds as many streams as it may.');
    }
    if (ofKey >= maxStreamsPerKey) {
      metrics.rateLimited.inc({ limit: 'key' });
      throw new ProblemError(
        'too_many_requests',
        `The API key holds ${maxStreamsPerKey} streams and long polls. Close some, or read several users by one.`,
      );
    }
    total += 1;
    taken.set(actor, ofKey + 1);
    metrics.changeStreams.set(total);
    return () => {
      total -= 1;
      const left = (taken.get(actor) ?? 1) - 1;
      if (left === 0) taken.delete(actor);
      else taken.set(actor, left);
      metrics.changeStreams.set(total);
    };
  }

  const commenting = repeat(
    commentEveryMs,
    () => {
      for (const stream of open.keys()) stream.comment();
      return Promise.resolve();
    },
    () => undefined,
  );

  async function endWithKeys(): Promise<void> {
    const actors = new Set(open.values());
    actors.delete(platformActor);
    if (actors.size === 0) return;
    const live = await loadLiveKeys(deps.database, [...actors], deps.clock());
    for (const [stream, actor] of open) {
      if (actors.has(actor) && !live.has(actor)) stream.close('key_ended');
    }
  }

  const checking = repeat(checkKeysEveryMs, endWithKeys, (error) => {
    deps.logger.warn({ err: error }, 'the keys of streams could not be looked up');
  });

  deps.lifecycle.onStop(() => {
    stopping.abort();
    for (const stream of open.keys()) stream.close('stopping');
  });

  return {
    take,
    open(request, reply, giveBack) {
      const stream = openStream(reply, (reason) => {
        open.delete(stream);
        giveBack();
        metrics.changeStreamsClosed.inc({ reason });
      });
      open.set(stream, callerOf(request).actor);
      return stream;
    },
    stopping: stopping.signal,
    async stop() {
      await Promise.all([commenting.stop(), checking.stop()]);
    },
  };
}
