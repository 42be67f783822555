import { setImmediate as otherWork } from 'node:timers/promises';
import { nextChangeAt } from '../entitlements/core/answer.ts';
import { failedForMs, noteFailure } from '../entitlements/refresh/refresh-behind.ts';
import {
  type NewChange,
  passedBoundaries,
  storeChanges,
  toIso,
} from '../entitlements/refresh/store-changes.ts';
import { loadLive } from '../entitlements/refresh/store-timeline.ts';
import { type LockedUser, lockUsersAtBoundary } from '../entitlements/users.ts';
import type { Clock } from '../platform/clock.ts';
import { type Database, isTimeout, type Tx } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';

/** Maximum number of users per transaction. */
const batchSize = 500;

/** Maximum number of timelines that are processed in one turn of the event loop. */
const timelinesAtOnce = 25;

interface SweepDeps {
  clock: Clock;
  database: Database;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Stores the changes of boundaries that have come: instants at which time alone changes a user's answer. Each
 * boundary gives one change, in order, however many instances sweep and however late. A user whose boundaries
 * were not computed yet begins with future ones. After a time-out, batches are halved; a user who fails alone
 * raises the alarm `timeline_not_computed`, delays no other, and is retried later.
 *
 * @returns the number of processed users.
 */
export async function sweepBoundaries(deps: SweepDeps): Promise<number> {
  if (!(await isAnyDue(deps))) return 0;
  let size = batchSize;
  let total = 0;
  for (;;) {
    const attempt: { users: LockedUser[] } = { users: [] };
    try {
      await deps.database.transaction((tx) => storeDue(deps, tx, size, attempt));
      total += attempt.users.length;
      if (attempt.users.length === 0) return total;
    } catch (error) {
      const [first, ...others] = attempt.users;
      if (first === undefined || !isTimeout(error)) throw error;
      if (others.length === 0) await noteFailure(deps, first.projectId, first.uid, error);
      size = Math.max(1, Math.floor(attempt.users.length / 2));
    }
  }
}

/** Costs one probe of an index, several times a second. */
async function isAnyDue({ clock, database }: SweepDeps): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    'select from users where next_boundary_at <= $1 limit 1',
    [new Date(clock())],
  );
  return rowCount !== 0;
}

/** @param attempt gets the locked users, also if the transaction then fails. */
async function storeDue(
  { clock }: SweepDeps,
  tx: Tx,
  limit: number,
  attempt: { users: LockedUser[] },
): Promise<void> {
  const now = Math.floor(clock());
  const users = await lockUsersAtBoundary(tx, { now, limit, failedBefore: now - failedForMs });
  attempt.users = users;
  if (users.length === 0) return;
  const live = await loadLive(
    tx,
    users.map(({ uid }) => uid),
  );
  const changes: NewChange[] = [];
  const next: { uid: string; at: string | null }[] = [];
  for (const [nth, user] of users.entries()) {
    const timeline = (live.get(user.uid)?.segments ?? []).map(({ segment }) => segment);
    changes.push(...passedBoundaries(user, timeline, now));
    next.push({ uid: String(user.uid), at: toIso(nextChangeAt(timeline, now)) });
    if (nth % timelinesAtOnce === 0) await otherWork();
  }
  await storeChanges(tx, changes);
  await tx.$executeRaw`
    update users u set next_boundary_at = n.at
    from jsonb_to_recordset(${JSON.stringify(next)}::jsonb) as n (uid bigint, at timestamptz)
    where u.uid = n.uid`;
}
