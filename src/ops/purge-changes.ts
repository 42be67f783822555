import type { Database } from '../platform/database.ts';

/**
 * Deletes up to `batch` of the oldest changes in the feed that were recorded before an instant, and returns
 * how many. Records the last deleted position: cursors up to that position have expired.
 */
export async function purgeChanges(
  { pool }: Database,
  recordedBefore: Date,
  batch: number,
): Promise<number> {
  const { rows } = await pool.query<{ deleted: number }>(
    `with oldest as materialized (
       select position, recorded_at from changes where position is not null order by position limit $2
     ), bound as (
       select coalesce(min(position) filter (where recorded_at >= $1), max(position) + 1) as kept from oldest
     ), noted as (
       update change_feed set deleted_position = greatest(deleted_position, kept - 1) from bound
       where kept is not null returning deleted_position
     ), gone as (
       delete from changes where position in (
         select position from oldest, bound where position < kept) returning 1
     )
     select (select count(*) from gone)::int as deleted, (select count(*) from noted) as noted`,
    [recordedBefore, batch],
  );
  return rows[0]?.deleted ?? 0;
}
