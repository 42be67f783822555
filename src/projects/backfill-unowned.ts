import type { Tx } from '../platform/database.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { enqueueObjects } from '../webhook/enqueue.ts';

/** Maximum number of objects to enqueue. No project sells more before it is created. */
const limit = 10_000;

/**
 * Enqueues the objects that have no owner although their metadata names the project: they were bought before
 * the project was created. Each gets its user when it is fetched.
 */
export async function backfillUnowned(tx: Tx, projectId: string, now: number): Promise<void> {
  const rows = await tx.$queryRaw<{ type: SyncedRef['objectType']; id: string }[]>`
    select 'subscription' as type, id from subscriptions
      where metadata_project_id = ${projectId} and uid is null
    union all
    select 'checkout.session', id from checkout_sessions
      where metadata_project_id = ${projectId} and uid is null
    limit ${limit}`;
  const objects = rows.map(({ type, id }) => ({ objectType: type, objectId: id }));
  await enqueueObjects(tx, objects, 2, now, { projectId });
}
