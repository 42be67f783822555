import { listAll } from '../../platform/stripe-lists.ts';
import { whereAllowed } from '../optional-expansion.ts';
import type { FollowedObject } from './followed-object.ts';
import { addSubscription, withDiscounts } from './subscription.ts';

/**
 * Stripe's own entitlements of a customer (`id`). They are compared with ours (alarms.ts) and not stored. The
 * subscriptions behind them are fetched too, because they may be new to us.
 */
export const entitlementSummary: FollowedObject<'entitlement_summary'> = {
  async fetch(stripe, snapshot, customer) {
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
    const lookupKeys = active.map((one) => one.lookup_key);
    snapshot.entitlement_summary.push({ id: customer, lookupKeys });
  },
  links: ({ id }) => ({ customer: id }),
  store: () => Promise.resolve([]),
  load: () => Promise.resolve([]),
  ofCustomer: null,
};
