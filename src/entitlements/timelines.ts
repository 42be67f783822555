import type { Database } from '../platform/database.ts';
import type { StoredTimeline } from './read.ts';
import { segmentOf, type SegmentRow } from './segment.ts';

/** A user joined with the segments of a timeline; without any, one row that holds none. */
export type TimelineRow = {
  user_id: string;
  revision: string;
  recorded_at: Date | null;
} & (SegmentRow | { feature_code: null });

/** The timeline that the rows of one user hold; of a user whom nobody knows there are none. */
export function timelineOf(rows: readonly TimelineRow[]): StoredTimeline {
  return {
    revision: Number(rows[0]?.revision ?? 0),
    recordedAt: rows[0]?.recorded_at?.getTime() ?? null,
    segments: rows.flatMap((row) => (row.feature_code === null ? [] : [segmentOf(row)])),
  };
}

/** The live timelines of users of a project, in the order asked for, one query for all of them. */
export async function loadTimelines(
  database: Database,
  projectId: string,
  userIds: readonly string[],
): Promise<{ userId: string; timeline: StoredTimeline }[]> {
  const { rows } = await database.pool.query<TimelineRow>({
    name: 'load-timelines',
    text: `
      select u.user_id, u.revision, u.recorded_at, s.feature_code, s.feature_type, s.reason, s.value,
        s.sources, s.valid_from, s.valid_to
      from users u
      left join entitlement_segments s on s.uid = u.uid and s.superseded_at is null
      where u.project_id = $1 and u.user_id = any($2)`,
    values: [projectId, userIds],
  });
  const byUser = Map.groupBy(rows, (row) => row.user_id);
  return userIds.map((userId) => ({ userId, timeline: timelineOf(byUser.get(userId) ?? []) }));
}
