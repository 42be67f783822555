import { type SweepDeps, sweepUsers, timelinesOf } from '../changes/sweep-users.ts';
import { boundaryChanges, nextEndAfter } from '../entitlements/core/change.ts';
import { toIso } from '../entitlements/refresh/store-changes.ts';
import { type LockedUser, lockUsers } from '../entitlements/users.ts';
import { sql, type Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';

/** Maximum number of users of one project per transaction. */
const batchSize = 200;

/** Maximum number of transactions per project and sweep. The first sweep of a project reads all its users. */
const maxBatches = 10;

const dayMs = 86_400_000;

/** The data of an `entitlements.expiring` message. */
interface Notice {
  project_id: string;
  user_id: string;
  revision: number;
  recorded_at: string;
  /** When the features end, unless something changes. */
  ends_at: string;
  expiring: string[];
}

/**
 * Writes notices of known ends within the project's notice period, once per user, feature and end, for the
 * endpoints that subscribe to them. `next_end_at` of a user is the first end that was not checked yet, so each
 * sweep reads only users with something new.
 *
 * @returns the number of checked users.
 */
export async function sweepExpiring(deps: SweepDeps): Promise<number> {
  const { rows } = await deps.database.pool.query<{ id: string; days: number }>(
    `select p.id, p.expiring_notice_days as days from projects p
     where p.expiring_notice_days > 0 and exists (
         select from webhook_endpoints e where e.project_id = p.id and e.status = 'enabled'
           and e.deleted_at is null and 'entitlements.expiring' = any(e.types))
       and exists (
         select from users u where u.project_id = p.id
           and u.next_end_at <= $1::timestamptz + make_interval(days => p.expiring_notice_days))`,
    [new Date(deps.clock())],
  );
  let checked = 0;
  for (const { id, days } of rows) {
    const until = (now: number): number => now + days * dayMs;
    try {
      checked += await sweepUsers(deps, {
        ...{ batchSize, maxBatches },
        lock: (tx, { now, limit, failedBefore }) =>
          lockUsers(
            tx,
            sql`uid in (
              select uid from users where project_id = ${id} and next_end_at <= ${new Date(until(now))}
                and (refresh_failed_at is null or refresh_failed_at < ${new Date(failedBefore)})
              order by next_end_at limit ${limit} for update skip locked)`,
          ),
        process: (tx, users, now) => notifyUsers(tx, id, users, { now, until: until(now) }),
      });
    } catch (error) {
      deps.logger.warn(
        { err: error, projectId: id },
        'notices of ends could not be written; the next sweep retries',
      );
    }
  }
  return checked;
}

/**
 * Writes the notices of ends up to `until`, and stores each user's first end after `until`. Both times are
 * epoch milliseconds.
 */
async function notifyUsers(
  tx: Tx,
  projectId: string,
  users: readonly LockedUser[],
  { now, until }: { now: number; until: number },
): Promise<void> {
  const ends: { uid: string; feature_code: string; ends_at: string }[] = [];
  const next: { uid: string; at: string | null }[] = [];
  for await (const [{ uid }, timeline] of timelinesOf(tx, users)) {
    for (const { at, lost } of boundaryChanges(timeline, now + 1, until)) {
      for (const code of lost) {
        ends.push({ uid: String(uid), feature_code: code, ends_at: new Date(at).toISOString() });
      }
    }
    next.push({ uid: String(uid), at: toIso(nextEndAfter(timeline, until)) });
  }
  const isNew = await tx.$queryRaw<{ uid: bigint; feature_code: string; ends_at: Date }[]>`
    insert into expiring_notices (uid, feature_code, ends_at)
    select uid, feature_code, ends_at from jsonb_to_recordset(${JSON.stringify(ends)}::jsonb)
      as e (uid bigint, feature_code text, ends_at timestamptz)
    on conflict do nothing returning uid, feature_code, ends_at`;
  const byUser = new Map(users.map((user) => [user.uid, user]));
  const notices = [
    ...Map.groupBy(isNew, ({ uid, ends_at }) => `${uid} ${ends_at.toISOString()}`),
  ].flatMap(([, [first, ...others]]) => {
    const user = first === undefined ? undefined : byUser.get(first.uid);
    if (first === undefined || user === undefined) return [];
    const data: Notice = {
      project_id: projectId,
      user_id: user.userId,
      revision: user.revision,
      recorded_at: new Date(now).toISOString(),
      ends_at: first.ends_at.toISOString(),
      expiring: [first, ...others].map(({ feature_code: code }) => code).toSorted(),
    };
    return [{ uid: String(user.uid), data }];
  });
  await storeNotices(tx, projectId, notices, now);
  await tx.$executeRaw`
    update users u set next_end_at = n.at
    from jsonb_to_recordset(${JSON.stringify(next)}::jsonb) as n (uid bigint, at timestamptz)
    where u.uid = n.uid`;
}

/** Writes a delivery of each notice for each endpoint that subscribes to notices. */
async function storeNotices(
  tx: Tx,
  projectId: string,
  notices: readonly { uid: string; data: Notice }[],
  now: number,
): Promise<void> {
  if (notices.length === 0) return;
  const endpoints = await tx.webhookEndpoint.findMany({
    where: {
      projectId,
      status: 'enabled',
      deletedAt: null,
      types: { has: 'entitlements.expiring' },
    },
    select: { id: true },
  });
  const deliveries = endpoints.flatMap(({ id: endpointId }) =>
    notices.map(({ uid, data }) => ({
      id: newId('whd'),
      endpoint_id: endpointId,
      message_id: newId('msg'),
      uid,
      data,
    })),
  );
  await tx.$executeRaw`
    insert into webhook_deliveries
      (id, endpoint_id, message_id, type, uid, data, created_at, next_attempt_at)
    select id, endpoint_id, message_id, 'entitlements.expiring', uid, data, ${new Date(now)}, ${new Date(now)}
    from jsonb_to_recordset(${JSON.stringify(deliveries)}::jsonb)
      as d (id text, endpoint_id text, message_id text, uid bigint, data jsonb)`;
}
