import { setImmediate as otherWork } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import type { Segment } from '../entitlements/core/facts.ts';
import { failedForMs, noteFailure } from '../entitlements/refresh/refresh-behind.ts';
import { loadLive } from '../entitlements/refresh/store-timeline.ts';
import type { LockedUser } from '../entitlements/users.ts';
import { isTimeout, type Tx } from '../platform/database.ts';

/** Maximum number of timelines that are processed in one turn of the event loop. */
const timelinesAtOnce = 25;

export type SweepDeps = Pick<Deps, 'clock' | 'database' | 'logger' | 'metrics'>;

interface Sweep {
  /** Maximum number of users per transaction. */
  batchSize: number;
  /** Maximum number of transactions; unlimited by default. */
  maxBatches?: number;
  /** Locks up to `limit` users who are due, without those who failed at or after `failedBefore`. */
  lock: (
    tx: Tx,
    asked: { now: number; limit: number; failedBefore: number },
  ) => Promise<LockedUser[]>;
  /** Processes the users in the same transaction, after which they are no longer due. */
  process: (tx: Tx, users: readonly LockedUser[], now: number) => Promise<void>;
}

/**
 * Processes users who are due, batch by batch. After a timeout, batches are halved. A user who times out alone
 * raises the alarm `timeline_not_computed`, and is skipped and retried later, so that other users are not
 * delayed.
 *
 * @returns the number of processed users.
 */
export async function sweepUsers(
  deps: SweepDeps,
  { batchSize, maxBatches = Infinity, lock, process }: Sweep,
): Promise<number> {
  let size = batchSize;
  let total = 0;
  for (let batch = 0; batch < maxBatches; batch += 1) {
    const attempt: { users: LockedUser[] } = { users: [] };
    try {
      await deps.database.transaction(async (tx) => {
        const now = Math.floor(deps.clock());
        attempt.users = await lock(tx, { now, limit: size, failedBefore: now - failedForMs });
        if (attempt.users.length > 0) await process(tx, attempt.users, now);
      });
      if (attempt.users.length === 0) break;
      total += attempt.users.length;
    } catch (error) {
      const [first, ...others] = attempt.users;
      if (first === undefined || !isTimeout(error)) throw error;
      if (others.length === 0) await noteFailure(deps, first.projectId, first.uid, error);
      size = Math.max(1, Math.floor(attempt.users.length / 2));
    }
  }
  return total;
}

/** Loads the live timelines of users, and yields them with pauses in which other work runs. */
export async function* timelinesOf(
  tx: Tx,
  users: readonly LockedUser[],
): AsyncGenerator<[LockedUser, Segment[]]> {
  const live = await loadLive(
    tx,
    users.map(({ uid }) => uid),
  );
  for (const [nth, user] of users.entries()) {
    yield [user, (live.get(user.uid)?.segments ?? []).map(({ segment }) => segment)];
    if (nth % timelinesAtOnce === 0) await otherWork();
  }
}
