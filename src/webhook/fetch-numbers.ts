import type { Database, Tx } from '../platform/database.ts';
import { type Fetched, objectKey, type SyncedRef } from './core/synced-object.ts';

/** Draws the number of a fetch, before the fetch begins: the fetch then covers all events with lower numbers. */
export async function drawNumber(database: Database): Promise<bigint> {
  const { rows } = await database.pool.query<{ number: string }>('select next_number() as number');
  const [row] = rows;
  if (row === undefined) throw new Error('next_number() returned no row');
  return BigInt(row.number);
}

/**
 * Records that objects were fetched under `number`, except those for which a later fetch is recorded. Locks
 * the objects' rows in sorted order (second in the lock order).
 *
 * @returns the keys of the objects for which this is the newest fetch. Only these may be written.
 */
export async function markFetched(
  tx: Tx,
  objects: readonly Fetched[],
  number: bigint,
  now: number,
): Promise<Set<string>> {
  if (objects.length === 0) return new Set();
  const rows = await tx.$queryRaw<SyncedRef[]>`
    insert into followed_objects as f (object_type, object_id, wanted, fetched, urgency, wanted_at, outcome)
    select distinct on (type, id)
      type, id, 0, ${number}::bigint, 2, ${new Date(now)}::timestamptz, outcome
    from unnest(
      ${objects.map(({ objectType }) => objectType)}::text[],
      ${objects.map(({ objectId }) => objectId)}::text[],
      ${objects.map(({ outcome }) => outcome)}::text[]) as given (type, id, outcome)
    order by 1, 2, outcome
    on conflict (object_type, object_id) do update set
      fetched = excluded.fetched, outcome = excluded.outcome, attempts = 0,
      lease_until = null, next_attempt_at = null, failed_at = null, last_error = null
    where f.fetched < excluded.fetched
    returning object_type as "objectType", object_id as "objectId"`;
  return new Set(rows.map(objectKey));
}
