import type { Tx } from '../platform/database.ts';
import type { SyncedType } from '../webhook/core/events.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import { type RowsByType, rowsByType, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { followedObjects } from './objects/registry.ts';

/**
 * Marks missing products and prices as deleted if an event reported their deletion. A 404 response alone is
 * not evidence.
 */
export async function confirmDeletions(tx: Tx, snapshot: StripeSnapshot): Promise<StripeSnapshot> {
  const confirmed = await loadConfirmed(tx, snapshot.missing);
  if (confirmed.size === 0) return snapshot;
  const isConfirmed = (object: SyncedRef): boolean => confirmed.has(objectKey(object));
  const gone = snapshot.missing.filter(isConfirmed);
  const rows: RowsByType = snapshot;
  const deleted = <T extends SyncedType>(type: T) =>
    gone
      .filter(({ objectType }) => objectType === type)
      .flatMap(({ objectId }) => followedObjects[type].deletedRow?.(objectId) ?? []);
  return {
    ...snapshot,
    ...rowsByType((type) => rows[type].concat(deleted(type))),
    missing: snapshot.missing.filter((object) => !isConfirmed(object)),
  };
}

/** Loads the keys of the objects that an event reported as deleted. */
async function loadConfirmed(tx: Tx, objects: readonly SyncedRef[]): Promise<Set<string>> {
  const sold = objects.filter(
    ({ objectType }) => followedObjects[objectType].deletedRow !== undefined,
  );
  if (sold.length === 0) return new Set();
  const rows = await tx.$queryRaw<SyncedRef[]>`
    select distinct e.object_type as "objectType", e.object_id as "objectId"
    from unnest(
      ${sold.map(({ objectType }) => objectType)}::text[],
      ${sold.map(({ objectId }) => objectId)}::text[]) as gone (object_type, object_id)
    join webhook_events e using (object_type, object_id)
    where e.type = e.object_type || '.deleted' and e.outcome = 'accepted'`;
  return new Set(rows.map(objectKey));
}
