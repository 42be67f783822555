import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { type SyncedRef, objectKey } from '../webhook/sync-queue.ts';
import { objectsIn, type StripeSnapshot } from './stripe-snapshot.ts';

/*
 * What Stripe cannot mean: applied, it would give somebody what another has. Pure.
 */

/**
 * Refuses a snapshot of an object in which Stripe answered with another object than was asked for, or in
 * which objects that belong together have different customers.
 *
 * @throws ImplausibleAnswer
 */
export function refuseContradictions(snapshot: StripeSnapshot, asked: SyncedRef): void {
  const shown = new Set([...objectsIn(snapshot), ...snapshot.unconfirmed].map(objectKey));
  for (const object of [asked, ...namedIn(snapshot)]) {
    if (!shown.has(objectKey(object))) {
      throw new ImplausibleAnswer(
        `Stripe answered with another ${object.objectType} than it was asked for`,
      );
    }
  }
  const customers = [...snapshot.sessions, ...snapshot.subscriptions, ...snapshot.invoices].flatMap(
    ({ customerId }) => customerId ?? [],
  );
  const ofSummaries = snapshot.summaries.map(({ id }) => id);
  if (new Set([...customers, ...ofSummaries]).size > 1) {
    throw new ImplausibleAnswer('Stripe named different customers of what belongs to one');
  }
}

/** The relatives that are fetched with the objects which name them. */
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
 * Refuses a list that shows what belongs to another object than it was asked for.
 *
 * @param ownerOf returns the id of what a listed object belongs to; null where the object does not say.
 * @throws ImplausibleAnswer
 */
export function ofOnly<T>(
  owner: string,
  listed: readonly T[],
  ownerOf: (object: T) => string | null,
): readonly T[] {
  if (listed.every((object) => (ownerOf(object) ?? owner) === owner)) return listed;
  throw new ImplausibleAnswer('Stripe listed what belongs to another object');
}
