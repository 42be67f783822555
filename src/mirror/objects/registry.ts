import type { Tx } from '../../platform/database.ts';
import type { SyncedType } from '../../webhook/core/events.ts';
import { mapTypes, type StripeSnapshot } from '../core/stripe-snapshot.ts';
import { price, product } from './catalog.ts';
import { charge } from './charge.ts';
import { checkoutSession } from './checkout-session.ts';
import { customer } from './customer.ts';
import { dispute } from './dispute.ts';
import { entitlementSummary } from './entitlement-summary.ts';
import type { FollowedObject, Links } from './followed-object.ts';
import { invoice } from './invoice.ts';
import { subscription } from './subscription.ts';

/** The mirror's operations on each type of followed object. */
export const followedObjects: { readonly [T in SyncedType]: FollowedObject<T> } = {
  product,
  price,
  customer,
  subscription,
  'checkout.session': checkoutSession,
  charge,
  dispute,
  invoice,
  entitlement_summary: entitlementSummary,
};

/**
 * Writes all rows of a snapshot.
 *
 * @returns the ids of subscriptions, refunds and disputes with an unknown status.
 */
export async function storeSnapshot(tx: Tx, snapshot: StripeSnapshot): Promise<string[]> {
  const writes = mapTypes(snapshot, (type, rows) =>
    rows.map((row) => () => followedObjects[type].store(tx, row, snapshot)),
  );
  const unknown: string[] = [];
  for (const write of writes.flat()) unknown.push(...(await write()));
  return unknown;
}

/** Returns what each row of the snapshot refers to. */
export function linksIn(snapshot: StripeSnapshot): Links[] {
  return mapTypes(snapshot, (type, rows) =>
    rows.map((row) => followedObjects[type].links(row)),
  ).flat();
}
