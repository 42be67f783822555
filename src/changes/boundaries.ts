import { boundaryChanges } from '../entitlements/core/change.ts';
import { nextChangeAt } from '../entitlements/core/answer.ts';
import { type NewChange, storeChanges } from '../entitlements/refresh/store-changes.ts';
import { loadLive } from '../entitlements/refresh/store-timeline.ts';
import { lockUsersAtBoundary } from '../entitlements/users.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';

/** Maximum number of users per transaction. */
const batchSize = 500;

/**
 * Stores the changes of boundaries that have come: instants at which time alone changes a user's answer. Each
 * boundary gives one change, in order, however many instances sweep and however late. A user whose boundaries
 * were not computed yet begins with future ones.
 *
 * @returns the number of processed users.
 */
export async function sweepBoundaries(deps: { clock: Clock; database: Database }): Promise<number> {
  let total = 0;
  for (;;) {
    const taken = await takeBatch(deps);
    total += taken;
    if (taken < batchSize) return total;
  }
}

async function takeBatch({
  clock,
  database,
}: {
  clock: Clock;
  database: Database;
}): Promise<number> {
  return database.transaction(async (tx) => {
    const now = Math.floor(clock());
    const users = await lockUsersAtBoundary(tx, now, batchSize);
    if (users.length === 0) return 0;
    const live = await loadLive(
      tx,
      users.map(({ uid }) => uid),
    );
    const changes: NewChange[] = [];
    const next: { uid: string; at: string | null }[] = [];
    for (const user of users) {
      const timeline = (live.get(user.uid)?.segments ?? []).map(({ segment }) => segment);
      const { revision, nextBoundaryAt } = user;
      const passed =
        nextBoundaryAt === null || nextBoundaryAt === 0
          ? []
          : boundaryChanges(timeline, nextBoundaryAt, now);
      for (const change of passed) {
        changes.push({ user, revision, cause: 'boundary', recordedAt: now, ...change });
      }
      const nextAt = nextChangeAt(timeline, now);
      next.push({
        uid: String(user.uid),
        at: nextAt === null ? null : new Date(nextAt).toISOString(),
      });
    }
    await storeChanges(tx, changes);
    await tx.$executeRaw`
      update users u set next_boundary_at = n.at
      from jsonb_to_recordset(${JSON.stringify(next)}::jsonb) as n (uid bigint, at timestamptz)
      where u.uid = n.uid`;
    return users.length;
  });
}
