import type { Tx } from '../platform/database.ts';
import { compute } from './compute.ts';
import type { FeatureValue, Segment } from './facts.ts';
import { grantedAt } from './granted.ts';
import { loadFacts } from './load.ts';
import { segmentOf, segmentText, type SegmentRow } from './segment.ts';
import type { LockedUser } from './users.ts';

export interface Refreshed {
  user: LockedUser;
  /** After the refresh. */
  revision: number;
  /** Whether the timeline differs from what was stored. */
  changed: boolean;
  /** Whether the cache is to be told: of this change, or of an earlier one that it was not told of. */
  cachePending: boolean;
  /** What the user could use at the instant of the refresh until then, and can from then on. */
  had: ReadonlyMap<string, FeatureValue>;
  has: ReadonlyMap<string, FeatureValue>;
}

type LiveRow = SegmentRow & { id: bigint; uid: bigint };

/**
 * Recomputes the timelines of locked users of one project and stores what changed: segments that no
 * longer hold are superseded, new ones recorded, the revision grows by one and the cache is pending.
 * A timeline that came out the same changes nothing. The project's shared lock and the users' locks
 * are held by the caller.
 *
 * `recorded_at` is taken here, under the user's lock, and is strictly above the user's last.
 */
export async function refreshUsers(
  tx: Tx,
  projectId: string,
  users: LockedUser[],
  now: number,
): Promise<Refreshed[]> {
  if (users.length === 0) return [];
  const uids = users.map(({ uid }) => uid);
  const facts = await loadFacts(tx, projectId, uids);
  const live = Map.groupBy(
    await tx.$queryRaw<LiveRow[]>`
      select id, uid, feature_code, feature_type, reason, value, sources, valid_from, valid_to
      from entitlement_segments where uid = any(${uids}) and superseded_at is null`,
    ({ uid }) => uid,
  );
  const gone: { id: string; at: string }[] = [];
  const added: object[] = [];
  const refreshed = users.map((user): Refreshed => {
    const userFacts = facts.get(user.uid);
    if (userFacts === undefined) throw new Error('facts of a user are missing');
    const recordedAt = new Date(Math.max(now, (user.recordedAt ?? 0) + 1)).toISOString();
    const timeline = compute(userFacts);
    const wanted = new Map(timeline.map((segment) => [segmentText(segment), segment]));
    const stored = (live.get(user.uid) ?? []).map((row) => ({
      id: row.id,
      segment: segmentOf(row),
    }));
    let changed = false;
    for (const { id, segment } of stored) {
      if (wanted.delete(segmentText(segment))) continue;
      gone.push({ id: String(id), at: recordedAt });
      changed = true;
    }
    for (const segment of wanted.values()) {
      added.push(storedSegment(user.uid, segment, recordedAt));
      changed = true;
    }
    return {
      user,
      revision: user.revision + (changed ? 1 : 0),
      changed,
      cachePending: changed || user.cachePending,
      had: grantedAt(
        stored.map(({ segment }) => segment),
        now,
      ),
      has: grantedAt(timeline, now),
    };
  });
  await store(tx, gone, added);
  await tx.$executeRaw`
    update users u set
      revision = r.revision,
      catalog_revision = p.catalog_revision,
      recorded_at = case when r.changed
        then greatest(${new Date(now)}, u.recorded_at + interval '1 millisecond') else u.recorded_at end,
      cache_pending_at = case when r.changed then ${new Date(now)} else u.cache_pending_at end,
      refresh_failed_at = null
    from jsonb_to_recordset(${JSON.stringify(
      refreshed.map(({ user, revision, changed }) => ({
        uid: String(user.uid),
        revision,
        changed,
      })),
    )}::jsonb) as r (uid bigint, revision bigint, changed boolean), projects p
    where u.uid = r.uid and p.id = u.project_id
      and (r.changed or u.catalog_revision <> p.catalog_revision or u.refresh_failed_at is not null)`;
  return refreshed;
}

/** The former segments end before the new ones begin, so that no two live ones overlap at any time. */
async function store(tx: Tx, gone: object[], added: object[]): Promise<void> {
  if (gone.length > 0) {
    await tx.$executeRaw`
      update entitlement_segments s set superseded_at = g.at
      from jsonb_to_recordset(${JSON.stringify(gone)}::jsonb) as g (id bigint, at timestamptz)
      where s.id = g.id`;
  }
  if (added.length > 0) {
    await tx.$executeRaw`
      insert into entitlement_segments
        (uid, feature_code, feature_type, allowed, reason, value, sources, valid_from, valid_to, recorded_at)
      select uid, feature_code, feature_type, reason = 'granted', reason,
        case when reason = 'granted' then value end, sources, valid_from, valid_to, recorded_at
      from jsonb_to_recordset(${JSON.stringify(added)}::jsonb) as a (
        uid bigint, feature_code text, feature_type text, reason text, value jsonb, sources jsonb,
        valid_from timestamptz, valid_to timestamptz, recorded_at timestamptz)`;
  }
}

function storedSegment(uid: bigint, segment: Segment, recordedAt: string): object {
  return {
    uid: String(uid),
    feature_code: segment.featureCode,
    feature_type: segment.featureType,
    reason: segment.reason,
    value: segment.value,
    sources: segment.sources,
    valid_from: segment.validFrom === null ? null : new Date(segment.validFrom).toISOString(),
    valid_to: segment.validTo === null ? null : new Date(segment.validTo).toISOString(),
    recorded_at: recordedAt,
  };
}
