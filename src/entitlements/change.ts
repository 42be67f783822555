import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { lockProjectShared } from '../platform/locks.ts';
import type { EntitlementCache } from './cache.ts';
import { refreshUsers } from './refresh.ts';
import { type LockedUser, lockUser } from './users.ts';

export interface ChangeDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
}

/**
 * The one way to change what a user may use: takes the locks in the fixed order, lets `write` change
 * the facts, recomputes the timeline and commits it with them, then tells the cache. When it has
 * returned, every later read on every instance shows the change.
 *
 * @param write runs under the user's lock; may run again after a deadlock, so it keeps no state.
 */
export async function changeUser<T>(
  deps: ChangeDeps,
  projectId: string,
  userId: string,
  write: (tx: Tx, user: LockedUser) => Promise<T>,
): Promise<{ result: T; revision: number }> {
  const { result, refreshed } = await deps.database.transaction(async (tx) => {
    await lockProjectShared(tx, projectId);
    const user = await lockUser(tx, { projectId, userId }, deps.clock());
    const result = await write(tx, user);
    return { result, refreshed: await refreshUsers(tx, projectId, [user], deps.clock()) };
  });
  await deps.cache.forget(refreshed);
  return { result, revision: refreshed[0]?.revision ?? 0 };
}
