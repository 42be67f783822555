import { sql, type Sql, type Tx } from '../../platform/database.ts';
import { type AnswerChange, boundaryChanges, type ChangeCause } from '../core/change.ts';
import type { Segment } from '../core/facts.ts';
import type { LockedUser } from '../users.ts';

/** A change that is not yet in the feed. */
export interface NewChange extends AnswerChange {
  user: Pick<LockedUser, 'uid' | 'projectId'>;
  revision: number;
  cause: ChangeCause;
  /** Epoch milliseconds. */
  recordedAt: number;
}

/**
 * Returns the changes at the boundaries that a locked user has passed, under the current revision. Returns
 * none for a user whose boundaries have not been computed yet.
 *
 * @param timeline the user's stored timeline.
 * @param now whole epoch milliseconds.
 */
export function passedBoundaries(
  user: LockedUser,
  timeline: readonly Segment[],
  now: number,
): NewChange[] {
  const { revision, nextBoundaryAt } = user;
  if (nextBoundaryAt === null || nextBoundaryAt === 0) return [];
  return boundaryChanges(timeline, nextBoundaryAt, now).map((change) => ({
    ...{ user, revision, cause: 'boundary', recordedAt: now },
    ...change,
  }));
}

/**
 * Stores changes of locked users; `changes` must be in feed order for each user. They appear in the feed once
 * they are committed and published. Skips boundaries that are already stored, which happens when a clock was
 * set back.
 */
export async function storeChanges(tx: Tx, changes: readonly NewChange[]): Promise<void> {
  if (changes.length > 0) await tx.$executeRaw`${insertChanges(changes)}`;
}

/**
 * Returns the statement of `storeChanges`, for a caller that combines it with another statement to save a
 * round trip.
 */
export function insertChanges(changes: readonly NewChange[]): Sql {
  const rows = changes.map((change) => ({
    uid: String(change.user.uid),
    project_id: change.user.projectId,
    revision: change.revision,
    cause: change.cause,
    at: toIso(change.at),
    recorded_at: toIso(change.recordedAt),
    gained: change.gained,
    lost: change.lost,
    changed: change.changed,
    next_change_at: toIso(change.nextChangeAt),
  }));
  return sql`
    insert into changes (uid, project_id, revision, cause, at, recorded_at, gained, lost, changed, next_change_at)
    select uid, project_id, revision, cause, at, recorded_at, gained, lost, changed, next_change_at
    from rows from (
      jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as (
        uid bigint, project_id text, revision bigint, cause text, at timestamptz, recorded_at timestamptz,
        gained text[], lost text[], changed text[], next_change_at timestamptz)
    ) with ordinality as c (
      uid, project_id, revision, cause, at, recorded_at, gained, lost, changed, next_change_at, place)
    order by place
    on conflict do nothing`;
}

/** Returns an instant as ISO 8601. */
export function toIso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
