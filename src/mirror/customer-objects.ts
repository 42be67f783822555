import type Stripe from 'stripe';
import { listAll, type ListPage } from '../platform/stripe-lists.ts';
import type { SyncedRef } from '../webhook/sync-queue.ts';
import type { Named } from './claims.ts';
import { ofOnly } from './contradictions.ts';
import { isMissing } from './fetch.ts';
import { optionalReference, reference } from './from-stripe.ts';

/** What a customer has at Stripe, as far as access may depend on it. */
export interface CustomerObjects {
  /** The subscriptions and the completed checkouts. */
  objects: SyncedRef[];
  /** Whom their metadata name. */
  named: Named[];
  /** Of what was sold. */
  productIds: string[];
  /** Whether it has more than was listed. */
  hasMore: boolean;
}

/**
 * Lists what a customer has: subscriptions, ended ones included, and checkouts that were completed (a
 * purchase is one of their lines; its charge and refunds are fetched with it). Only lists: each object is
 * then fetched like any other. A customer that Stripe does not know has nothing.
 *
 * @param pages `first`: two requests, whatever the customer has, so that how long it takes tells nothing.
 * @throws ImplausibleAnswer; what the SDK throws.
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
      ...refs('subscription', subscriptions.data),
      ...refs('checkout.session', sessions.data),
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
 * @throws ImplausibleAnswer; what the SDK throws.
 */
export async function fetchDisputes(stripe: Stripe, customer: string): Promise<SyncedRef[]> {
  const charges = await listAll((page) => stripe.charges.list({ customer, ...page }));
  const disputes: Stripe.Dispute[] = [];
  for (const { id: charge, disputed } of charges) {
    if (!disputed) continue;
    disputes.push(...(await listAll((page) => stripe.disputes.list({ charge, ...page }))));
  }
  return refs('dispute', disputes);
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

function refs(objectType: SyncedRef['objectType'], found: { id: string }[]): SyncedRef[] {
  return found.map(({ id }) => ({ objectType, objectId: id }));
}
