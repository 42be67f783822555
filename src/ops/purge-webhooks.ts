import type { Database } from '../platform/database.ts';

/** Deletes up to `batch` deliveries that were created before an instant or belong to a deleted endpoint. */
export async function purgeDeliveries(
  { pool }: Database,
  createdBefore: Date,
  batch: number,
): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from webhook_deliveries where id = any(
       array(select id from webhook_deliveries where created_at < $1
             order by created_at limit $2 for update skip locked)
       || array(select d.id from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id
                where e.deleted_at is not null limit $2 for update of d skip locked))`,
    [createdBefore, batch],
  );
  return rowCount ?? 0;
}

/** Deletes up to `batch` deleted endpoints that have no deliveries left. */
export async function purgeEndpoints({ pool }: Database, batch: number): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from webhook_endpoints where id in (
       select e.id from webhook_endpoints e where e.deleted_at is not null
         and not exists (select from webhook_deliveries where endpoint_id = e.id)
       limit $1 for update skip locked)`,
    [batch],
  );
  return rowCount ?? 0;
}

/** Deletes up to `batch` expiry notices for ends that have passed. */
export async function purgeNotices({ pool }: Database, now: Date, batch: number): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from expiring_notices where (uid, feature_code, ends_at) in (
       select uid, feature_code, ends_at from expiring_notices where ends_at < $1
       limit $2 for update skip locked)`,
    [now, batch],
  );
  return rowCount ?? 0;
}
