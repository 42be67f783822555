import type { Refreshed } from '../entitlements/refresh/refresh-users.ts';
import type { Tx } from '../platform/database.ts';
import { effectOn, type UserEffect } from './core/user-effect.ts';

interface Row {
  uid: bigint;
  feature_code: string;
  value: unknown;
  valid_from: Date;
  valid_to: Date | null;
  before: boolean;
  after: boolean;
}

/**
 * Loads a transaction's effects on the users that it recomputed. Compares their new timelines with the
 * previous ones: the segments that were live until this recording.
 */
export async function loadEffects(
  tx: Tx,
  refreshed: readonly Refreshed[],
  now: number,
): Promise<UserEffect[]> {
  const changed = refreshed.filter((user) => user.changed).map(({ user }) => user);
  if (changed.length === 0) return [];
  const rows = await tx.$queryRaw<Row[]>`
    select s.uid, s.feature_code, s.value, s.valid_from, s.valid_to,
      s.recorded_at <= u.at as before, s.superseded_at is null as after
    from unnest(
      ${changed.map(({ uid }) => uid)}::bigint[],
      ${changed.map(({ recordedAt }) => new Date(recordedAt ?? 0))}::timestamptz[]) as u (uid, at)
    join entitlement_segments s on s.uid = u.uid
    where s.allowed and (s.superseded_at is null or s.superseded_at > u.at)`;
  const byUser = Map.groupBy(rows, ({ uid }) => uid);
  return changed.map((user) =>
    effectOn(
      user,
      (byUser.get(user.uid) ?? []).map((row) => ({
        uid: row.uid,
        featureCode: row.feature_code,
        value: row.value,
        validFrom: row.valid_from.getTime(),
        validTo: row.valid_to?.getTime() ?? null,
        before: row.before,
        after: row.after,
      })),
      now,
    ),
  );
}
