import type Stripe from 'stripe';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import { objectsIn, snapshotOf, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { unlessMissing } from './failures.ts';
import { followedObjects, linksIn } from './objects/registry.ts';

/**
 * Fetches one object from Stripe with the related objects that its access depends on. An object that Stripe
 * does not know (`resource_missing`) is listed in `missing`, a related one in `unconfirmed`; the snapshot
 * holds the rest all the same. Any other error is thrown.
 *
 * @throws ImplausibleAnswer if Stripe contradicts itself.
 */
export async function fetchSnapshot(stripe: Stripe, object: SyncedRef): Promise<StripeSnapshot> {
  const snapshot = snapshotOf();
  const { objectType, objectId } = object;
  await unlessMissing(snapshot.missing, object, () =>
    followedObjects[objectType].fetch(stripe, snapshot, objectId),
  );
  refuseContradictions(snapshot, object);
  return snapshot;
}

/**
 * Refuses a snapshot in which Stripe answered with another object than requested, or in which related
 * objects have different customers: applied, it would give one user what belongs to another.
 */
function refuseContradictions(snapshot: StripeSnapshot, asked: SyncedRef): void {
  const shown = new Set([...objectsIn(snapshot), ...snapshot.unconfirmed].map(objectKey));
  const links = linksIn(snapshot);
  for (const object of [asked, ...links.flatMap(({ related = [] }) => related)]) {
    if (!shown.has(objectKey(object))) {
      throw new ImplausibleAnswer(
        `Stripe answered with another ${object.objectType} than requested`,
      );
    }
  }
  if (new Set(links.flatMap(({ customer }) => customer ?? [])).size > 1) {
    throw new ImplausibleAnswer('Stripe named different customers of related objects');
  }
}
