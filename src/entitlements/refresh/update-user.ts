import type { Clock } from '../../platform/clock.ts';
import type { Database, Tx } from '../../platform/database.ts';
import { lockProjectShared } from '../../platform/locks.ts';
import type { EntitlementCache } from '../read/cache.ts';
import { type LockedUser, lockUser } from '../users.ts';
import { type Refreshed, refreshUsers } from './refresh-users.ts';

export interface UpdateUserDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
}

/** The result of a change. */
export interface UserUpdate<T> extends Pick<Refreshed, 'revision' | 'had' | 'has'> {
  result: T;
}

/**
 * Changes what a user may use; every change of one user passes through here. Takes the locks in the fixed
 * order, lets `write` change the facts, recomputes the timeline, commits, then invalidates the cache. Once it
 * has returned, every later read on every instance shows the change.
 *
 * @param write runs under the user's lock; may run again after a deadlock, so it keeps no state.
 * @param keep runs last in the transaction: stores the response for a replay.
 */
export async function updateUser<T>(
  deps: UpdateUserDeps,
  projectId: string,
  userId: string,
  write: (tx: Tx, user: LockedUser, now: number) => Promise<T>,
  keep: (tx: Tx, change: UserUpdate<T>) => Promise<void> = () => Promise.resolve(),
): Promise<UserUpdate<T>> {
  const { change, refreshed } = await deps.database.transaction(async (tx) => {
    await lockProjectShared(tx, projectId);
    const user = await lockUser(tx, { projectId, userId }, deps.clock());
    const now = deps.clock();
    const result = await write(tx, user, now);
    const refreshed = await refreshUsers(tx, projectId, [user], now, 'operator');
    const [done] = refreshed;
    if (done === undefined) throw new Error(`refreshUsers returned no result for user ${user.uid}`);
    const change = { result, revision: done.revision, had: done.had, has: done.has };
    await keep(tx, change);
    return { change, refreshed };
  });
  await deps.cache.forget(refreshed);
  return change;
}
