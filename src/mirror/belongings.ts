import type Stripe from 'stripe';
import type { FollowedRef } from '../webhook/followed.ts';
import { reference } from './from-stripe.ts';

/** What a customer has at Stripe, as far as access may depend on it. */
export interface Belongings {
  /** The subscriptions, the completed checkouts and the disputes. */
  objects: FollowedRef[];
  /** Whom their metadata names; `userId` null where it names a project alone. */
  named: { projectId: string; userId: string | null }[];
  /** Of what was sold. */
  productIds: string[];
}

/** Far above what one customer has; the SDK wants a bound. */
const all = { limit: 10_000 };
const page = { limit: 100 };

/**
 * Lists what a customer has: every subscription, ended ones included, the checkouts that were completed
 * (a purchase is one of their lines; its charge and refunds are fetched with it), and the disputes of
 * its charges. Only lists: each object is then fetched like any other.
 *
 * @throws what the SDK throws.
 */
export async function fetchBelongings(stripe: Stripe, customer: string): Promise<Belongings> {
  const subscriptions = await stripe.subscriptions
    .list({ customer, status: 'all', ...page })
    .autoPagingToArray(all);
  const sessions = await stripe.checkout.sessions
    .list({ customer, status: 'complete', expand: ['data.line_items'], ...page })
    .autoPagingToArray(all);
  const charges = await stripe.charges.list({ customer, ...page }).autoPagingToArray(all);
  const disputes: Stripe.Dispute[] = [];
  for (const { id: charge, disputed } of charges) {
    if (!disputed) continue;
    disputes.push(...(await stripe.disputes.list({ charge, ...page }).autoPagingToArray(all)));
  }
  const refs = (objectType: FollowedRef['objectType'], found: { id: string }[]): FollowedRef[] =>
    found.map(({ id }) => ({ objectType, objectId: id }));
  const prices = [
    ...subscriptions.flatMap(({ items }) => items.data.map(({ price }) => price)),
    ...sessions.flatMap(({ line_items: lines }) => lines?.data.map(({ price }) => price) ?? []),
  ];
  return {
    productIds: prices.flatMap((price) => (price === null ? [] : [reference(price.product)])),
    objects: [
      ...refs('subscription', subscriptions),
      ...refs('dispute', disputes),
      ...refs('checkout.session', sessions),
    ],
    named: [...subscriptions, ...sessions].flatMap(({ metadata }) => {
      const projectId = metadata?.['project_id'];
      const userId = metadata?.['user_id'] ?? null;
      return projectId === undefined ? [] : [{ projectId, userId }];
    }),
  };
}
