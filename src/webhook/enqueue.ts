import { sql, type Sql, sqlText, type Tx } from '../platform/database.ts';
import type { Urgency } from './core/events.ts';
import type { SyncedRef } from './core/synced-object.ts';
import { enqueuedAgain, queueProject } from './queue-upsert.ts';

/**
 * Enqueues objects under new numbers, so that each is fetched again with a full set of attempts. Locks the
 * objects' rows in sorted order (second in the lock order). The caller wakes the worker after the commit.
 *
 * @param more `claimableAt`: epoch milliseconds before which no worker claims the objects, because the caller
 *   fetches them itself. Objects that a buyer waits for are claimable immediately. `projectId`: the project
 *   whose queue the objects join, if the caller knows it.
 */
export async function enqueueObjects(
  tx: Tx,
  objects: readonly SyncedRef[],
  urgency: Urgency,
  now: number,
  { claimableAt = null, projectId = '' }: { claimableAt?: number | null; projectId?: string } = {},
): Promise<void> {
  if (objects.length === 0) return;
  await tx.$executeRaw`
    insert into followed_objects as f
      (object_type, object_id, wanted, urgency, wanted_at, next_attempt_at, project_id)
    select object_type, object_id, next_number(), ${urgency}::smallint, ${new Date(now)}::timestamptz,
      ${claimableAt === null ? null : new Date(claimableAt)}::timestamptz,
      coalesce(nullif(${projectId}, ''), ${sqlText(queueProject)})
    from ${inLockOrder(objects)} w
    on conflict (object_type, object_id) do update set
      ${sqlText(enqueuedAgain)},
      next_attempt_at = case when f.wanted > f.fetched and f.urgency = 0 then null else excluded.next_attempt_at end,
      attempts = 0`;
}

/**
 * Enqueues those objects that were never enqueued or fetched, so that they are retried independently. They
 * get the highest urgency, because a buyer may be waiting for them. Takes the same locks as `enqueueObjects`.
 */
export async function enqueueUnseen(
  tx: Tx,
  objects: readonly SyncedRef[],
  now: number,
): Promise<void> {
  if (objects.length === 0) return;
  await tx.$executeRaw`
    insert into followed_objects (object_type, object_id, wanted, urgency, wanted_at, project_id)
    select object_type, object_id, next_number(), 0, ${new Date(now)}::timestamptz,
      ${sqlText(queueProject)}
    from ${inLockOrder(objects)} w
    on conflict (object_type, object_id) do nothing`;
}

/** Returns SQL for the distinct objects, in the order in which rows are locked. */
function inLockOrder(objects: readonly SyncedRef[]): Sql {
  return sql`(
    select distinct object_type, object_id
    from unnest(
      ${objects.map(({ objectType }) => objectType)}::text[],
      ${objects.map(({ objectId }) => objectId)}::text[]) as given (object_type, object_id)
    order by 1, 2)`;
}
