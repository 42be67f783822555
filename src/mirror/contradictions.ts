import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import { objectsIn, type StripeSnapshot } from './core/stripe-snapshot.ts';

/*
 * Refuses contradictory answers of Stripe: applied, they would give one user what belongs to another. Pure.
 */

/**
 * Refuses a snapshot in which Stripe answered with another object than requested, or in which related
 * objects have different customers.
 *
 * @throws ImplausibleAnswer
 */
export function refuseContradictions(snapshot: StripeSnapshot, asked: SyncedRef): void {
  const shown = new Set([...objectsIn(snapshot), ...snapshot.unconfirmed].map(objectKey));
  for (const object of [asked, ...namedIn(snapshot)]) {
    if (!shown.has(objectKey(object))) {
      throw new ImplausibleAnswer(
        `Stripe answered with another ${object.objectType} than requested`,
      );
    }
  }
  const customers = [...snapshot.sessions, ...snapshot.subscriptions, ...snapshot.invoices].flatMap(
    ({ customerId }) => customerId ?? [],
  );
  const ofSummaries = snapshot.summaries.map(({ id }) => id);
  if (new Set([...customers, ...ofSummaries]).size > 1) {
    throw new ImplausibleAnswer('Stripe named different customers of related objects');
  }
}

/** Returns the related objects that are fetched together with the objects that name them. */
function namedIn({ sessions, disputes, prices }: StripeSnapshot): SyncedRef[] {
  return [
    ...sessions.flatMap(({ subscriptionId }) => ref('subscription', subscriptionId)),
    ...disputes.flatMap(({ chargeId }) => ref('charge', chargeId)),
    ...prices.flatMap((price) => (price.deleted ? [] : ref('product', price.productId))),
  ];
}

function ref(objectType: SyncedRef['objectType'], objectId: string | null): SyncedRef[] {
  return objectId === null ? [] : [{ objectType, objectId }];
}

/**
 * Refuses a list that contains an object of another owner than requested.
 *
 * @param ownerOf returns the id of the owner of a listed object; null if the object does not name one.
 * @throws ImplausibleAnswer
 */
export function ofOnly<T>(
  owner: string,
  listed: readonly T[],
  ownerOf: (object: T) => string | null,
): readonly T[] {
  if (listed.every((object) => (ownerOf(object) ?? owner) === owner)) return listed;
  throw new ImplausibleAnswer('Stripe listed an object of another owner than requested');
}
