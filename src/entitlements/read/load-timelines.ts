import type { Database } from '../../platform/database.ts';
import type { UserName } from '../users.ts';
import {
  storedTimeline,
  type StoredTimeline,
  timelineSql,
  type TimelineTuple,
} from './stored-timeline.ts';

const live = timelineSql(
  { revision: 'u.revision', recordedAt: 'u.recorded_at' },
  'superseded_at is null',
);

const timelinesSql = `
  select (
    select ${live} from users u
    where u.project_id = given.project_id and u.user_id = given.user_id
  ) as timeline
  from unnest($1::text[], $2::text[]) with ordinality as given (project_id, user_id, position)
  order by given.position`;

/** Loads a user's live timeline. An unknown user has revision 0 and an empty timeline. */
export async function loadTimeline(database: Database, user: UserName): Promise<StoredTimeline> {
  const [found] = await loadTimelines(database, [user]);
  return found?.timeline ?? storedTimeline(null);
}

/** Loads the live timelines of users, in the given order, in one query. */
export async function loadTimelines(
  database: Database,
  users: readonly UserName[],
): Promise<{ user: UserName; timeline: StoredTimeline }[]> {
  const { rows } = await database.pool.query<{ timeline: TimelineTuple | null }>({
    name: 'load-timelines',
    text: timelinesSql,
    values: [users.map(({ projectId }) => projectId), users.map(({ userId }) => userId)],
  });
  return users.map((user, index) => ({
    user,
    timeline: storedTimeline(rows[index]?.timeline ?? null),
  }));
}
