import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { Tx } from '../../platform/database.ts';
import { type ChangeCause, changeTo, nextEndAfter } from '../core/change.ts';
import { compute } from '../core/compute.ts';
import { differenceOf } from '../core/difference.ts';
import type { FeatureValue } from '../core/facts.ts';
import { grantedAt } from '../core/granted.ts';
import { presentOf } from '../core/present.ts';
import { hasTooManySources } from '../core/source-cap.ts';
import type { LockedUser } from '../users.ts';
import { loadFacts } from './load-facts.ts';
import { insertChanges, type NewChange, passedBoundaries, toIso } from './store-changes.ts';
import { loadLive, storeTimelines, type TimelineUpdate } from './store-timeline.ts';

/** Maximum number of timelines to compute before yielding to the event loop. */
const maxTimelinesAtOnce = 25;

export interface Refreshed {
  user: LockedUser;
  /** The revision after the refresh. */
  revision: number;
  /** Whether the timeline differs from the stored one. */
  changed: boolean;
  /** Whether the cache must be invalidated, for this change or an earlier one. */
  cachePending: boolean;
  /** Whether the user has more than `maxSources` sources, which slows down changes and reads. */
  hasTooManySources: boolean;
  /** The user's access at the time of the refresh, according to the stored timeline. */
  had: ReadonlyMap<string, FeatureValue>;
  /** The same, according to the recomputed timeline. */
  has: ReadonlyMap<string, FeatureValue>;
}

/**
 * Recomputes the timelines of locked users of one project and stores the changes. Each new revision adds a
 * change to the feed. An unchanged timeline keeps its revision. `recorded_at` is taken under the user's lock
 * and is strictly later than the user's previous one. The caller holds the project's shared lock and the
 * users' locks.
 */
export async function refreshUsers(
  tx: Tx,
  projectId: string,
  users: LockedUser[],
  now: number,
  cause: ChangeCause,
): Promise<Refreshed[]> {
  if (users.length === 0) return [];
  const uids = users.map(({ uid }) => uid);
  const facts = await loadFacts(tx, projectId, uids);
  const live = await loadLive(tx, uids);
  const updates: TimelineUpdate[] = [];
  const changes: NewChange[] = [];
  const nextEnds = new Map<bigint, number | null>();
  const refreshOne = (user: LockedUser): Refreshed => {
    const userFacts = facts.get(user.uid);
    if (userFacts === undefined)
      throw new Error(`loadFacts returned no facts for user ${user.uid}`);
    const changedAt = Math.floor(Math.max(now, (user.recordedAt ?? 0) + 1));
    const recordedAt = new Date(changedAt).toISOString();
    const timeline = compute(userFacts);
    const stored = live.get(user.uid) ?? { segments: [], spans: [] };
    const difference = differenceOf(stored, timeline);
    updates.push({ uid: String(user.uid), recordedAt, ...difference });
    const changed = difference.goneSegments.length + difference.addedSegments.length > 0;
    const revision = user.revision + (changed ? 1 : 0);
    const before = stored.segments.map(({ segment }) => segment);
    if (changed) {
      const change = changeTo(grantedAt(before, changedAt), timeline, changedAt);
      changes.push(...passedBoundaries(user, before, changedAt), {
        user,
        revision,
        cause,
        recordedAt: changedAt,
        ...change,
      });
      nextEnds.set(user.uid, nextEndAfter(timeline, changedAt));
    }
    return {
      user,
      revision,
      changed,
      cachePending: changed || user.cachePending,
      hasTooManySources: hasTooManySources(userFacts, now),
      had: grantedAt(before, presentOf(user, now)),
      has: grantedAt(
        timeline,
        presentOf({ recordedAt: changed ? changedAt : user.recordedAt }, now),
      ),
    };
  };
  const refreshed: Refreshed[] = [];
  for (const user of users) {
    refreshed.push(refreshOne(user));
    if (refreshed.length % maxTimelinesAtOnce === 0) await yieldToEventLoop();
  }
  await storeTimelines(tx, updates);
  const nextBoundaries = new Map(changes.map(({ user, nextChangeAt }) => [user.uid, nextChangeAt]));
  await tx.$executeRaw`
    with stored as (${insertChanges(changes)})
    update users u set
      revision = r.revision,
      catalog_revision = p.catalog_revision,
      recorded_at = case when r.changed
        then greatest(${new Date(now)}, u.recorded_at + interval '1 millisecond') else u.recorded_at end,
      cache_pending_at = case when r.changed then ${new Date(now)} else u.cache_pending_at end,
      next_boundary_at = case when r.changed then r.next_boundary_at else u.next_boundary_at end,
      next_end_at = case when r.changed then r.next_end_at else u.next_end_at end,
      refresh_failed_at = null
    from jsonb_to_recordset(${JSON.stringify(
      refreshed.map(({ user, revision, changed }) => ({
        uid: String(user.uid),
        revision,
        changed,
        next_boundary_at: toIso(nextBoundaries.get(user.uid) ?? null),
        next_end_at: toIso(nextEnds.get(user.uid) ?? null),
      })),
    )}::jsonb) as r (uid bigint, revision bigint, changed boolean, next_boundary_at timestamptz, next_end_at timestamptz),
      projects p
    where u.uid = r.uid and p.id = u.project_id
      and (r.changed or u.catalog_revision <> p.catalog_revision or u.refresh_failed_at is not null)`;
  return refreshed;
}
