import type Stripe from 'stripe';
import type { Named } from '../mirror/core/claims.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import { isMissing } from '../mirror/failures.ts';
import type { CustomerObject } from '../mirror/objects/followed-object.ts';
import { followedObjects } from '../mirror/objects/registry.ts';
import { listAll, type ListPage, ofOnly } from '../platform/stripe-lists.ts';
import { syncedTypes } from '../webhook/core/events.ts';
import { refsTo, type SyncedRef } from '../webhook/core/synced-object.ts';

const lists = syncedTypes.flatMap((objectType) => {
  const { ofCustomer } = followedObjects[objectType];
  return ofCustomer === null ? [] : [{ objectType, ofCustomer }];
});

/** A customer's objects in Stripe that may affect access. */
export interface CustomerObjects {
  /** Subscriptions and completed checkouts. */
  objects: SyncedRef[];
  /** The owners that the objects' metadata names. */
  named: Named[];
  /** The products that were sold to the customer. */
  productIds: string[];
  /** Whether Stripe has more objects than those listed. */
  hasMore: boolean;
}

/**
 * Lists a customer's subscriptions, including ended ones, and the completed checkouts, which contain the
 * purchases. The objects themselves are fetched separately. A customer that Stripe does not know has no
 * objects.
 *
 * @param pages `first` always sends exactly two requests, so that the response time reveals nothing about the
 *   customer.
 * @throws ImplausibleAnswer; errors of the SDK.
 */
export async function fetchCustomerObjects(
  stripe: Stripe,
  customer: string,
  pages: 'first' | 'all',
): Promise<CustomerObjects> {
  const shown = await Promise.all(
    lists.map(async ({ objectType, ofCustomer }) => ({
      objectType,
      ...(await listPages(ofCustomer(stripe, customer), pages)),
    })),
  );
  const objects = shown.flatMap(({ data }) => data);
  ofOnly(customer, objects, ({ customerId }) => customerId);
  return {
    productIds: objects
      .flatMap(({ prices }) => prices)
      .flatMap((price) => (price === null ? [] : [reference(price.product)])),
    objects: shown.flatMap(({ objectType, data }) => refsTo(objectType, data)),
    named: objects.flatMap(({ metadata }) => {
      const projectId = metadata?.['project_id'];
      const userId = metadata?.['user_id'] ?? null;
      return projectId === undefined ? [] : [{ projectId, userId }];
    }),
    hasMore: shown.some(({ hasMore }) => hasMore),
  };
}

/**
 * Lists the disputes of a customer's charges.
 *
 * @throws ImplausibleAnswer; errors of the SDK.
 */
export async function fetchDisputes(stripe: Stripe, customer: string): Promise<SyncedRef[]> {
  const charges = await listAll((page) => stripe.charges.list({ customer, ...page }));
  const disputes: Stripe.Dispute[] = [];
  for (const { id: charge, disputed } of charges) {
    if (!disputed) continue;
    disputes.push(...(await listAll((page) => stripe.disputes.list({ charge, ...page }))));
  }
  return refsTo('dispute', disputes);
}

async function listPages(
  list: ListPage<CustomerObject>,
  pages: 'first' | 'all',
): Promise<{ data: CustomerObject[]; hasMore: boolean }> {
  try {
    if (pages === 'all') return { data: await listAll(list), hasMore: false };
    const { data, has_more: hasMore } = await list({ limit: 100 });
    return { data, hasMore };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { data: [], hasMore: false };
  }
}
