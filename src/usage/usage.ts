import type { Deps } from '../deps.ts';
import { ProblemError } from '../http/problem.ts';
import { createBatches, QueueFull } from '../platform/batches.ts';
import { isUnreachable } from '../platform/database.ts';
import type { UsageRequest } from './deed.ts';
import type { UsageAnswer } from './batch-state.ts';
import { performBatch } from './perform-batch.ts';

/** Maximum number of deeds that share a transaction and its commit. */
const maxDeedsPerTransaction = 64;

/**
 * The number of transactions that run concurrently in this process. The deeds of one user share a lane, so
 * that they share transactions instead of waiting for each other's locks.
 */
const lanes = 4;

/** Maximum wait for a transaction to begin, milliseconds. */
const maxWaitMs = 5_000;

/** Maximum number of waiting deeds per project and lane. */
const maxWaitingPerProject = 1_000;

/** Changes usage. Deeds that arrive concurrently share a transaction and its commit. */
export interface Usage {
  /**
   * Performs a deed once: when this returns, the deed and its answer are committed in Postgres. A repeated
   * idempotency key gets the first answer and changes nothing.
   *
   * @throws ProblemError `idempotency_key_reused`, `too_many_requests`, and the errors of `perform`.
   */
  perform(request: UsageRequest): Promise<UsageAnswer>;
}

type Result = UsageAnswer | Error;

export function createUsage(deps: Pick<Deps, 'database' | 'clock'>): Usage {
  const queues = Array.from({ length: lanes }, () =>
    createBatches({
      load: (requests: UsageRequest[]) => performAll(deps, requests),
      maxSize: maxDeedsPerTransaction,
      tenantOf: tenantOf,
      limit: { maxRunning: 1, maxWaitMs, maxWaitingPerTenant: maxWaitingPerProject },
    }),
  );
  return {
    async perform(request) {
      const enqueue = queues[laneOf(subjectOf(request))];
      if (enqueue === undefined) throw new Error('the lane of a deed does not exist');
      const result = await enqueue(request).catch((error: unknown) => {
        if (!(error instanceof QueueFull)) throw error;
        throw new ProblemError(
          'too_many_requests',
          'The project has too many changes of usage waiting. Retry later, and send fewer requests concurrently.',
        );
      });
      if (result instanceof Error) throw result;
      return result;
    },
  };
}

/**
 * Performs deeds in one transaction. If it fails, performs those of each subject in their own transaction, so
 * that one user's failure does not affect the others.
 */
async function performAll(
  deps: Pick<Deps, 'database' | 'clock'>,
  requests: readonly UsageRequest[],
): Promise<Result[]> {
  try {
    return await performBatch(deps, requests);
  } catch (error) {
    const bySubject = Map.groupBy(requests, subjectOf);
    if (bySubject.size === 1 || isUnreachable(error)) throw error;
    const results = new Map<UsageRequest, Result>();
    await Promise.all(
      [...bySubject.values()].map(async (own) => {
        const answers = await performBatch(deps, own).catch((reason: unknown) =>
          own.map(() => (reason instanceof Error ? reason : new Error(String(reason)))),
        );
        own.forEach((request, at) => {
          const answer = answers[at];
          if (answer !== undefined) results.set(request, answer);
        });
      }),
    );
    return requests.map((request) => results.get(request) ?? new Error('a deed has no answer'));
  }
}

function tenantOf({ deed, projectId }: UsageRequest): string {
  return 'user' in deed ? deed.user.projectId : (projectId ?? '');
}

/** Returns what a deed changes: a user, or the hold or entry that it names. */
function subjectOf({ deed }: UsageRequest): string {
  switch (deed.kind) {
    case 'consume':
    case 'hold':
      return `${deed.user.projectId} ${deed.user.userId}`;
    case 'settle':
      return deed.holdId;
    case 'reverse':
      return deed.entryId;
  }
}

function laneOf(subject: string): number {
  let hash = 0;
  for (const character of subject) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return hash % lanes;
}
