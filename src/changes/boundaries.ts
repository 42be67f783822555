import { nextChangeAt } from '../entitlements/core/answer.ts';
import {
  type NewChange,
  passedBoundaries,
  storeChanges,
  toIso,
} from '../entitlements/refresh/store-changes.ts';
import { type LockedUser, lockUsersAtBoundary } from '../entitlements/users.ts';
import type { Tx } from '../platform/database.ts';
import { type SweepDeps, sweepUsers, timelinesOf } from './sweep-users.ts';

/** Maximum number of users per transaction. */
const batchSize = 500;

/**
 * Stores a change for each boundary that was reached: an instant at which time alone changes a user's answer.
 * Each boundary gives exactly one change, in order, even if several instances sweep or a sweep is late. For a
 * user whose boundaries were never computed, begins with future boundaries.
 *
 * @returns the number of processed users.
 */
export async function sweepBoundaries(deps: SweepDeps): Promise<number> {
  if (!(await isAnyDue(deps))) return 0;
  return sweepUsers(deps, { batchSize, lock: lockUsersAtBoundary, process: storePassed });
}

/** Costs only one index probe, because sweeps run several times a second. */
async function isAnyDue({ clock, database }: SweepDeps): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    'select from users where next_boundary_at <= $1 limit 1',
    [new Date(clock())],
  );
  return rowCount !== 0;
}

/** Stores the changes of the boundaries that locked users have passed, and their next boundaries. */
async function storePassed(tx: Tx, users: readonly LockedUser[], now: number): Promise<void> {
  const changes: NewChange[] = [];
  const next: { uid: string; at: string | null }[] = [];
  for await (const [user, timeline] of timelinesOf(tx, users)) {
    changes.push(...passedBoundaries(user, timeline, now));
    next.push({ uid: String(user.uid), at: toIso(nextChangeAt(timeline, now)) });
  }
  await storeChanges(tx, changes);
  await tx.$executeRaw`
    update users u set next_boundary_at = n.at
    from jsonb_to_recordset(${JSON.stringify(next)}::jsonb) as n (uid bigint, at timestamptz)
    where u.uid = n.uid`;
}
