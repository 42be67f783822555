import type { Tx } from '../../platform/database.ts';
import { lockProjectShared } from '../../platform/locks.ts';
import { type LockedUser, lockUser } from '../users.ts';
import type { RefreshDeps } from './refresh-behind.ts';
import { type Refreshed, refreshUsers } from './refresh-users.ts';

export type UpdateUserDeps = Pick<RefreshDeps, 'clock' | 'database' | 'cache'>;

/** The result of a change to a user. */
export interface UserUpdate<T> extends Pick<Refreshed, 'revision' | 'had' | 'has'> {
  result: T;
}

/**
 * Changes what a user may use: takes the locks in the fixed order, runs `write`, recomputes the timeline,
 * commits, and invalidates the cache. Once it has returned, every read on every instance shows the change.
 *
 * @param write changes the facts under the user's lock. It must not have side effects, because it runs again
 *   after a deadlock.
 * @param keep stores the response for replays, as the last statement in the transaction.
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
