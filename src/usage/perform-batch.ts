import type { Deps } from '../deps.ts';
import { type PlacedDeed, performNext, type UsageAnswer } from './batch-state.ts';
import type { UsageRequest } from './deed.ts';
import { loadPlaces, loadState } from './load-batch.ts';
import { type Performed, storeUsage } from './store-usage.ts';
import { lockUsage, type OnLocked } from './targets.ts';

/** Maximum number of attempts after a conflict with another transaction, in which nothing was stored. */
const maxAttempts = 5;

/** A repeated key, a deadlock, or a serialization failure. */
const conflicts: ReadonlySet<unknown> = new Set(['23505', '40P01', '40001']);

type BatchDeps = Pick<Deps, 'database' | 'clock'>;

/** The result of a deed; `locked` if it was not performed because another transaction has locked its user. */
export type BatchResult = UsageAnswer | Error | 'locked';

/**
 * Performs deeds, in order, in one transaction that also stores their answers. Returns for each its answer, or
 * the error that it failed with. The number of statements does not depend on the number of deeds.
 *
 * @param lockTimeoutMs how long a statement waits for a lock before it fails.
 */
export async function performBatch(
  deps: BatchDeps,
  requests: readonly UsageRequest[],
  onLocked: OnLocked,
  lockTimeoutMs: number,
): Promise<BatchResult[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await performOnce(deps, requests, onLocked, lockTimeoutMs);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (attempt === maxAttempts || !conflicts.has(code)) throw error;
    }
  }
}

async function performOnce(
  { clock, database }: BatchDeps,
  requests: readonly UsageRequest[],
  onLocked: OnLocked,
  lockTimeoutMs: number,
): Promise<BatchResult[]> {
  const { deeds, kept } = await loadPlaces(database.pipelinedPool, requests);
  const uids = deeds.flatMap(({ place }) => place?.uid ?? []);
  return database.pipelinedTransaction(lockTimeoutMs, async (client) => {
    // Sent together: the facts are read once the users are locked. Those of users that were skipped are not used.
    const [locked, loaded] = await Promise.all([
      lockUsage(client, uids, onLocked),
      loadState(client, deeds, clock),
    ]);
    const state = { ...loaded, kept };
    const now = Math.trunc(clock());
    const mayPerform = ({ place }: PlacedDeed): boolean => {
      const uid = place?.uid ?? null;
      return onLocked === 'wait' || uid === null || locked.has(uid);
    };
    const performed: Performed[] = [];
    const answers = deeds.map((deed): BatchResult => {
      if (!mayPerform(deed)) return 'locked';
      try {
        const next = performNext(state, deed);
        if (next.performed !== null) performed.push(next.performed);
        return next.answer;
      } catch (error) {
        if (error instanceof Error) return error;
        throw error;
      }
    });
    return { result: answers, stored: storeUsage(client, performed, now) };
  });
}
