import type { Deps } from '../deps.ts';

/**
 * Deletes up to `batch` of the oldest changes in the feed that were recorded before an instant, and returns
 * how many. Records the last deleted position: cursors up to that position have expired. Logs a warning with
 * the webhook endpoints that will never receive a deleted change.
 */
export async function purgeChanges(
  { database: { pool }, logger }: Pick<Deps, 'database' | 'logger'>,
  recordedBefore: Date,
  batch: number,
): Promise<number> {
  const { rows } = await pool.query<{ deleted: number; missed_by: string[] }>(
    `with oldest as materialized (
       select position, recorded_at, project_id from changes
       where position is not null order by position limit $2
     ), bound as (
       select coalesce(min(position) filter (where recorded_at >= $1), max(position) + 1) as kept from oldest
     ), noted as (
       update change_feed set deleted_position = greatest(deleted_position, kept - 1) from bound
       where kept is not null returning deleted_position
     ), gone as (
       delete from changes where position in (
         select position from oldest, bound where position < kept) returning 1
     ), latest as (
       select project_id, max(position) as position from oldest, bound where position < kept group by 1
     )
     select (select count(*) from gone)::int as deleted, (select count(*) from noted) as noted,
       array(select e.id from latest l join webhook_endpoints e on e.project_id = l.project_id
         where e.status = 'enabled' and e.deleted_at is null and e.position < l.position) as missed_by`,
    [recordedBefore, batch],
  );
  const [purged] = rows;
  if (purged !== undefined && purged.missed_by.length > 0) {
    logger.warn(
      { endpointIds: purged.missed_by },
      'changes were deleted before their webhooks were written; these endpoints will never receive them',
    );
  }
  return purged?.deleted ?? 0;
}
