import { z } from 'zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '../../http/problem.ts';
import type { Database } from '../../platform/database.ts';
import type { UserName } from '../users.ts';
import { type CachedAnswer, finishAnswer } from './cached-answer.ts';
import { loadTimelineKnownAt } from './load-known-at.ts';
import { loadTimeline } from './load-timelines.ts';
import { answerOf, type Read, readEntitlements, type ReadDeps } from './read-entitlements.ts';

/**
 * The cost of a strong read. It is low because strong reads share queries, and a power of two so that sums
 * are exact.
 */
const strongCost = 1 / 64;

/** The query parameters that control how fresh an answer must be. */
export const freshnessQuery = {
  min_revision: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'The minimum revision of the answer. If it is not reached yet, the response is the problem `revision_not_reached`.',
    ),
  consistency: z
    .enum(['strong'])
    .optional()
    .describe('`strong` reads from Postgres instead of the cache'),
};

/** The freshness and the instants (epoch milliseconds) that a request asks for. */
interface Asked {
  at?: number | undefined;
  known_at?: number | undefined;
  min_revision?: number | undefined;
  consistency?: 'strong' | undefined;
}

/**
 * Reads a user's answer with the freshness and for the instants that a request asks for.
 *
 * @throws ProblemError `revision_not_reached`; `bad_request` if `known_at` is in the future.
 */
export async function readAsAsked(
  deps: ReadDeps & { database: Database },
  user: UserName,
  asked: Asked,
): Promise<Read> {
  const minRevision = asked.min_revision ?? 0;
  const instant = asked.at ?? asked.known_at;
  const result =
    instant === undefined
      ? await readEntitlements(deps, user, { minRevision, strong: asked.consistency === 'strong' })
      : await readAt(deps, user, instant, asked.known_at);
  if (result.answer.revision < minRevision) {
    throw new ProblemError(
      'revision_not_reached',
      `The user's revision is ${result.answer.revision}, below \`min_revision\` ${minRevision}. Retry in a moment.`,
    );
  }
  return result;
}

async function readAt(
  deps: ReadDeps & { database: Database },
  user: UserName,
  instant: number,
  knownAt: number | undefined,
): Promise<Read> {
  const stored =
    knownAt === undefined
      ? await loadTimeline(deps.database, user)
      : await loadTimelineKnownAt(deps, user, knownAt);
  return {
    from: 'bypass',
    answer: finishAnswer(answerOf(user, stored, instant), stored.recordedAt),
  };
}

/**
 * Returns the cost of a read. Reads of the current answer are free unless they are strong, because most of them hit
 * the cache.
 */
export function costOfRead({ query }: FastifyRequest): number {
  if (typeof query !== 'object' || query === null) return 0;
  if ('at' in query || 'known_at' in query) return 1;
  return 'consistency' in query && query.consistency === 'strong' ? strongCost : 0;
}

/** Sets the headers of a response that contains an answer. */
export function setAnswerHeaders(
  reply: FastifyReply,
  from: Read['from'],
  { revision }: CachedAnswer,
  etag: string,
): void {
  void reply.headers({
    etag,
    'cache-control': 'private, no-cache',
    'latchkey-cache': from,
    'latchkey-revision': revision,
  });
}
