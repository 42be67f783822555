import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { segmentOf, type SegmentRow } from './segment.ts';
import type { StoredTimeline } from './timelines.ts';
import type { UserName } from './users.ts';

/** A user joined with the segments of a timeline; without any, one row that holds none. */
type Row = { revision: string; recorded_at: Date | null } & (SegmentRow | { feature_code: null });

/**
 * A user's timeline as it was recorded at an earlier instant (epoch milliseconds), with the revision
 * of then, one query. A change has its one instant, which is the `recorded_at` of what it brought and
 * the `superseded_at` of what it took away, and raises the revision by one; so the revision of then is
 * today's less the changes since.
 * @throws ProblemError bad_request where the instant is yet to come
 */
export async function loadTimelineKnownAt(
  deps: { clock: Clock; database: Database },
  user: UserName,
  knownAt: number,
): Promise<StoredTimeline> {
  if (knownAt > deps.clock()) {
    const message = 'must not lie in the future: what will be known is not known';
    throw new ProblemError('bad_request', `known_at ${message}.`, [{ path: 'known_at', message }]);
  }
  const { rows } = await deps.database.pool.query<Row>({
    name: 'load-timeline-known-at',
    text: `
      select u.revision - changes.later as revision, changes.last_at as recorded_at,
        s.feature_code, s.feature_type, s.reason, s.value, s.sources, s.valid_from, s.valid_to
      from users u
      cross join lateral (
        select count(*) filter (where at > $3) as later, max(at) filter (where at <= $3) as last_at
        from (
          select recorded_at as at from entitlement_segments where uid = u.uid
          union
          select superseded_at from entitlement_segments where uid = u.uid and superseded_at is not null
        ) instants
      ) changes
      left join entitlement_segments s on s.uid = u.uid
        and s.recorded_at <= $3 and (s.superseded_at is null or s.superseded_at > $3)
      where u.project_id = $1 and u.user_id = $2`,
    values: [user.projectId, user.userId, new Date(knownAt)],
  });
  return {
    revision: Number(rows[0]?.revision ?? 0),
    recordedAt: rows[0]?.recorded_at?.getTime() ?? null,
    segments: rows.flatMap((row) => (row.feature_code === null ? [] : [segmentOf(row)])),
  };
}
