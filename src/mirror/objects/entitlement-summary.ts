import type Stripe from 'stripe';
import { listAll } from '../../platform/stripe-lists.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';
import { whereAllowed } from '../optional-expansion.ts';
import type { FollowedObject } from './followed-object.ts';
import { addSubscription, withDiscounts } from './subscription.ts';

/** Stripe's own entitlements of a customer (`id`), which raise alarms (alarms.ts) and are not stored. */
export const entitlementSummary: FollowedObject<'entitlement_summary'> = {
  fetch: fetchSummary,
  links: ({ id }) => ({ customer: id }),
  store: () => Promise.resolve([]),
  load: () => Promise.resolve([]),
  ofCustomer: null,
};

/**
 * Fetches Stripe's own entitlements of a customer, to compare them with ours. The subscriptions behind them
 * are fetched too, since they may be new to us.
 */
async function fetchSummary(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  customer: string,
): Promise<void> {
  const subscriptions = await whereAllowed(
    withDiscounts.map((path) => `data.${path}`),
    [],
    (expand) =>
      listAll((page) => stripe.subscriptions.list({ customer, status: 'all', expand, ...page })),
  );
  for (const each of subscriptions) await addSubscription(stripe, snapshot, each);
  const active = await listAll((page) =>
    stripe.entitlements.activeEntitlements.list({ customer, ...page }),
  );
  snapshot.entitlement_summary.push({
    id: customer,
    lookupKeys: active.map((one) => one.lookup_key),
  });
}
