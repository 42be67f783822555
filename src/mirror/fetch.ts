import type Stripe from 'stripe';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import { objectsIn, snapshotOf, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { unlessMissing } from './failures.ts';
import { followedObjects, linksIn } from './objects/registry.ts';

/**
 * Fetches one object from Stripe, with the related objects that determine its access. If Stripe does not know
 * the object, the snapshot lists it in `missing`. Related objects that Stripe does not know are in
 * `unconfirmed`.
 *
 * @throws ImplausibleAnswer if Stripe's responses contradict each other; errors of the SDK.
 */
export async function fetchSnapshot(stripe: Stripe, object: SyncedRef): Promise<StripeSnapshot> {
  const snapshot = snapshotOf();
  const { objectType, objectId } = object;
  await unlessMissing(snapshot.missing, object, () =>
    followedObjects[objectType].fetch(stripe, snapshot, objectId),
  );
  rejectContradictions(snapshot, object);
  return snapshot;
}

/**
 * Rejects a snapshot that has another object than requested, or related objects with different customers.
 * Storing it would give one user what belongs to another.
 */
function rejectContradictions(snapshot: StripeSnapshot, requested: SyncedRef): void {
  const shown = new Set([...objectsIn(snapshot), ...snapshot.unconfirmed].map(objectKey));
  const links = linksIn(snapshot);
  for (const object of [requested, ...links.flatMap(({ related = [] }) => related)]) {
    if (!shown.has(objectKey(object))) {
      throw new ImplausibleAnswer(
        `Stripe returned a different ${object.objectType} than requested`,
      );
    }
  }
  if (new Set(links.flatMap(({ customer }) => customer ?? [])).size > 1) {
    throw new ImplausibleAnswer('Stripe returned related objects with different customers');
  }
}
