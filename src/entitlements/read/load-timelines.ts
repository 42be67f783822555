import type { Database } from '../../platform/database.ts';
import type { UserName } from '../users.ts';
import {
  storedTimeline,
  type StoredTimeline,
  timelineSql,
  type TimelineTuple,
} from './stored-timeline.ts';

interface Row {
  /** Null if the user is unknown. */
  timeline: TimelineTuple | null;
}

const live = timelineSql(
  { revision: 'u.revision', recordedAt: 'u.recorded_at' },
  'superseded_at is null',
);

const timelinesSql = `
  select (
    select ${live} from users u
    where u.project_id = asked.project_id and u.user_id = asked.user_id
  ) as timeline
  from unnest($1::text[], $2::text[]) with ordinality as asked (project_id, user_id, place)
  order by asked.place`;

/** Loads a user's live timeline, in one query; an unknown user has revision 0 and an empty one. */
export async function loadTimeline(database: Database, user: UserName): Promise<StoredTimeline> {
  const [found] = await loadTimelines(database, [user]);
  return found?.timeline ?? storedTimeline(null);
}

/** Loads the live timelines of users, in the order asked for, in one query. */
export async function loadTimelines(
  database: Database,
  users: readonly UserName[],
): Promise<{ user: UserName; timeline: StoredTimeline }[]> {
  const { rows } = await database.pool.query<Row>({
    name: 'load-timelines',
    text: timelinesSql,
    values: [users.map(({ projectId }) => projectId), users.map(({ userId }) => userId)],
  });
  return users.map((user, place) => ({
    user,
    timeline: storedTimeline(rows[place]?.timeline ?? null),
  }));
}
