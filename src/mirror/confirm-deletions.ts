import type { Tx } from '../platform/database.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';

/**
 * Returns the snapshot with those missing products and prices marked as deleted whose deletion an event of
 * Stripe's reported. Without an event a 404 is no evidence.
 */
export async function confirmDeletions(tx: Tx, snapshot: StripeSnapshot): Promise<StripeSnapshot> {
  const confirmed = await loadConfirmed(tx, snapshot.missing);
  if (confirmed.size === 0) return snapshot;
  const isConfirmed = (object: SyncedRef): boolean => confirmed.has(objectKey(object));
  const deleted = (objectType: SyncedRef['objectType']) =>
    snapshot.missing
      .filter((object) => object.objectType === objectType && isConfirmed(object))
      .map(({ objectId }) => ({ id: objectId, deleted: true as const }));
  return {
    ...snapshot,
    products: [...snapshot.products, ...deleted('product')],
    prices: [...snapshot.prices, ...deleted('price')],
    missing: snapshot.missing.filter((object) => !isConfirmed(object)),
  };
}

/** Loads the keys of the objects that a `product.deleted` or `price.deleted` named. */
async function loadConfirmed(tx: Tx, objects: readonly SyncedRef[]): Promise<Set<string>> {
  const sold = objects.filter(
    ({ objectType }) => objectType === 'product' || objectType === 'price',
  );
  if (sold.length === 0) return new Set();
  const rows = await tx.$queryRaw<{ object_type: SyncedRef['objectType']; object_id: string }[]>`
    select distinct e.object_type, e.object_id
    from unnest(
      ${sold.map(({ objectType }) => objectType)}::text[],
      ${sold.map(({ objectId }) => objectId)}::text[]) as gone (object_type, object_id)
    join webhook_events e using (object_type, object_id)
    where e.type = e.object_type || '.deleted' and e.outcome = 'accepted'`;
  return new Set(
    rows.map((row) => objectKey({ objectType: row.object_type, objectId: row.object_id })),
  );
}
