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
 * Stores the changes of boundaries that have come: instants at which time alone changes a user's answer. Each
 * boundary gives one change, in order, however many instances sweep and however late. A user whose boundaries
 * were not computed yet begins with future ones.
 *
 * @returns the number of processed users.
 */
export async function sweepBoundaries(deps: SweepDeps): Promise<number> {
  if (!(await isAnyDue(deps))) return 0;
  return sweepUsers(deps, { batchSize, lock: lockUsersAtBoundary, process: storePassed });
}

/** Costs one probe of an index, several times a second. */
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
