import type Stripe from 'stripe';
import type { Named } from '../mirror/core/claims.ts';
import { optionalReference, reference } from '../mirror/core/from-stripe.ts';
import { isMissing } from '../mirror/failures.ts';
import { listAll, type ListPage, ofOnly } from '../platform/stripe-lists.ts';
import { refsTo, type SyncedRef } from '../webhook/core/synced-object.ts';

/** The objects of a customer at Stripe that access may depend on. */
export interface CustomerObjects {
  /** Subscriptions and completed checkouts. */
  objects: SyncedRef[];
  /** The owners that their metadata name. */
  named: Named[];
  /** The products that they sold. */
  productIds: string[];
  /** Whether Stripe has more objects than were listed. */
  hasMore: boolean;
}

/**
 * Lists the subscriptions of a customer, ended ones included, and the completed checkouts. A purchase is a
 * line of a checkout; its charge and refunds are fetched with it. It only lists: each object is then
 * fetched like any other. A customer that Stripe does not know has no objects.
 *
 * @param pages `first`: always two requests, so the response time reveals nothing about the customer.
 * @throws ImplausibleAnswer; errors of the SDK.
 */
export async function fetchCustomerObjects(
  stripe: Stripe,
  customer: string,
  pages: 'first' | 'all',
): Promise<CustomerObjects> {
  const [subscriptions, sessions] = await Promise.all([
    listed((page) => stripe.subscriptions.list({ customer, status: 'all', ...page }), pages),
    listed(
      (page) =>
        stripe.checkout.sessions.list({
          customer,
          status: 'complete',
          expand: ['data.line_items'],
          ...page,
        }),
      pages,
    ),
  ]);
  ofOnly<{ customer: string | { id: string } | null }>(
    customer,
    [...subscriptions.data, ...sessions.data],
    (object) => optionalReference(object.customer),
  );
  const prices = [
    ...subscriptions.data.flatMap(({ items }) => items.data.map(({ price }) => price)),
    ...sessions.data.flatMap(
      ({ line_items: lines }) => lines?.data.map(({ price }) => price) ?? [],
    ),
  ];
  return {
    productIds: prices.flatMap((price) => (price === null ? [] : [reference(price.product)])),
    objects: [
      ...refsTo('subscription', subscriptions.data),
      ...refsTo('checkout.session', sessions.data),
    ],
    named: [...subscriptions.data, ...sessions.data].flatMap(({ metadata }) => {
      const projectId = metadata?.['project_id'];
      const userId = metadata?.['user_id'] ?? null;
      return projectId === undefined ? [] : [{ projectId, userId }];
    }),
    hasMore: subscriptions.hasMore || sessions.hasMore,
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

async function listed<T extends { id: string }>(
  list: ListPage<T>,
  pages: 'first' | 'all',
): Promise<{ data: T[]; hasMore: boolean }> {
  try {
    if (pages === 'all') return { data: await listAll(list), hasMore: false };
    const { data, has_more: hasMore } = await list({ limit: 100 });
    return { data, hasMore };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { data: [], hasMore: false };
  }
}
