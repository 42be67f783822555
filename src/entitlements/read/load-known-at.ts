import type { Deps } from '../../deps.ts';
import { ProblemError } from '../../http/problem.ts';
import type { UserName } from '../users.ts';
import {
  storedTimeline,
  type StoredTimeline,
  timelineSql,
  type TimelineTuple,
} from './stored-timeline.ts';

const known = timelineSql(
  { revision: 'u.revision - changes.later', recordedAt: 'changes.last_at' },
  'recorded_at <= $3 and (superseded_at is null or superseded_at > $3)',
);

/**
 * Loads a user's timeline as recorded at an earlier instant (epoch milliseconds). Each change increments the
 * revision and has its own instant (`recorded_at` or `superseded_at`), so the earlier revision is the current
 * one minus the number of later changes.
 *
 * @throws ProblemError bad_request if the instant is in the future.
 */
export async function loadTimelineKnownAt(
  deps: Pick<Deps, 'clock' | 'database'>,
  user: UserName,
  knownAt: number,
): Promise<StoredTimeline> {
  const { rows } = await deps.database.pool.query<{
    timeline: TimelineTuple;
    last_at: Date | null;
  }>({
    name: 'load-timeline-known-at',
    text: `
      select ${known} as timeline, u.recorded_at as last_at
      from users u
      cross join lateral (
        select count(*) filter (where at > $3) as later, max(at) filter (where at <= $3) as last_at
        from (
          select recorded_at as at from entitlement_segments where uid = u.uid
          union
          select superseded_at from entitlement_segments where uid = u.uid and superseded_at is not null
        ) instants
      ) changes
      where u.project_id = $1 and u.user_id = $2`,
    values: [user.projectId, user.userId, new Date(knownAt)],
  });
  // A change recorded by a process whose clock is ahead is already known.
  if (knownAt > Math.max(deps.clock(), rows[0]?.last_at?.getTime() ?? 0)) {
    const message = 'must not be in the future: to evaluate a future instant, use `at`';
    throw new ProblemError('bad_request', undefined, [{ path: 'known_at', message }]);
  }
  return storedTimeline(rows[0]?.timeline ?? null);
}
