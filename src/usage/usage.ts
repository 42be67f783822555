import type { Deps } from '../deps.ts';
import { ProblemError } from '../http/problem.ts';
import { createBatches, QueueFull } from '../platform/batches.ts';
import { isUnreachable } from '../platform/database.ts';
import type { Deed, UsageRequest } from './deed.ts';
import type { UsageAnswer } from './batch-state.ts';
import { performBatch } from './perform-batch.ts';
import type { OnLocked } from './targets.ts';

/** Maximum number of deeds that share a transaction and its commit. */
const maxDeedsPerTransaction = 64;

/** Maximum number of transactions that wait for locked users, so that they leave connections for others. */
const maxWaitingTransactions = 2;

/** Maximum wait for a transaction to begin, milliseconds. */
const maxWaitMs = 5_000;

/** Maximum wait for a lock, milliseconds. */
const lockTimeoutMs = 2_000;

/** Maximum wait for a lock when deeds of a transaction that failed are retried, milliseconds. */
const retryLockTimeoutMs = 100;

/** Maximum number of waiting deeds per project in each lane. */
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

type UsageDeps = Pick<Deps, 'database' | 'clock' | 'metrics' | 'monotonic'>;

export function createUsage(deps: UsageDeps): Usage {
  const perform = createQueues(deps);
  const { usageChanges, usagePending } = deps.metrics;
  return {
    async perform(request) {
      const { kind } = request.deed;
      usagePending.inc();
      try {
        const answer = await perform(request);
        usageChanges.inc({ kind, outcome: outcomeOf(kind, answer) });
        return answer;
      } catch (error) {
        const outcome = error instanceof ProblemError && error.status < 500 ? 'refused' : 'failed';
        usageChanges.inc({ kind, outcome });
        throw error;
      } finally {
        usagePending.dec();
      }
    },
  };
}

function outcomeOf(kind: Deed['kind'], { isChange, isReplay }: UsageAnswer): string {
  if (isChange) return 'changed';
  return isReplay || kind === 'settle' || kind === 'reverse' ? 'replayed' : 'denied';
}

/**
 * Creates the queues: a lane that runs one transaction at a time and never waits for a user, and a lane for users
 * whom another instance, or a transaction that hangs, has locked. So a locked user delays only other locked
 * ones. A second transaction at a time would halve the deeds that share one, and each costs more than it gains.
 */
function createQueues(deps: UsageDeps): Usage['perform'] {
  const queue = (onLocked: OnLocked, maxRunning: number) =>
    createBatches({
      load: (requests: UsageRequest[]) => performAll(deps, requests, onLocked),
      maxSize: maxDeedsPerTransaction,
      tenantOf,
      limit: { maxRunning, maxWaitMs, maxWaitingPerTenant: maxWaitingPerProject },
    });
  const lane = queue('skip', 1);
  const waitingLane = queue('wait', maxWaitingTransactions);
  /** The number of deeds in the waiting lane, by subject. Later deeds of the subject follow them. */
  const waiting = new Map<string, number>();

  async function wait(subject: string, request: UsageRequest): Promise<Result | 'locked'> {
    waiting.set(subject, (waiting.get(subject) ?? 0) + 1);
    try {
      return await waitingLane(request);
    } finally {
      const left = (waiting.get(subject) ?? 1) - 1;
      if (left === 0) waiting.delete(subject);
      else waiting.set(subject, left);
    }
  }

  async function enqueue(request: UsageRequest): Promise<Result | 'locked'> {
    const subject = subjectOf(request);
    if (waiting.has(subject)) return wait(subject, request);
    const result = await lane(request);
    return result === 'locked' ? wait(subject, request) : result;
  }

  return async (request) => {
    const result = await enqueue(request).catch((error: unknown) => {
      if (!(error instanceof QueueFull)) throw error;
      throw new ProblemError(
        'too_many_requests',
        'The project has too many changes of usage waiting. Retry later, and send fewer requests concurrently.',
      );
    });
    if (result === 'locked') throw new Error('a deed that waits for its user was skipped');
    if (result instanceof Error) throw result;
    return result;
  };
}

/**
 * Performs deeds in one transaction. If it fails, performs those of each subject in their own transaction, so
 * that one user's failure does not affect the others. These run one after another, so that they leave
 * connections for others; `maxWaitMs` after the failure, the remaining ones fail with the same error.
 */
async function performAll(
  deps: UsageDeps,
  requests: readonly UsageRequest[],
  onLocked: OnLocked,
): Promise<(Result | 'locked')[]> {
  try {
    return await performBatch(deps, requests, onLocked, lockTimeoutMs);
  } catch (error) {
    const bySubject = Map.groupBy(requests, subjectOf);
    if (bySubject.size === 1 || isUnreachable(error)) throw error;
    const until = deps.monotonic() + maxWaitMs;
    const results = new Map<UsageRequest, Result | 'locked'>();
    for (const own of bySubject.values()) {
      const failWith = (reason: unknown): Error[] => own.map(() => toError(reason));
      const answers =
        deps.monotonic() < until
          ? await performBatch(deps, own, onLocked, retryLockTimeoutMs).catch(failWith)
          : failWith(error);
      own.forEach((request, at) => {
        const answer = answers[at];
        if (answer !== undefined) results.set(request, answer);
      });
    }
    return requests.map((request) => results.get(request) ?? new Error('a deed has no answer'));
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
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
