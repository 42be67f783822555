import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import { addSubscription, withDiscounts } from '../mirror/objects/subscription.ts';
import { whereAllowed } from '../mirror/optional-expansion.ts';
import { added, compareList } from './compare-list.ts';

const optional = withDiscounts.map((path) => `data.${path}`);

/** Compares all subscriptions, including ended ones, with their items and customers. */
export const compareSubscriptions = compareList({
  list: (stripe, params) =>
    whereAllowed(optional, ['data.customer'], (expand) =>
      stripe.subscriptions.list({ ...params, status: 'all', expand }),
    ),
  onlyRecent: false,
  toSnapshot: added(addSubscription),
  customerOf: ({ customer }) => customer,
  alive: {
    objectType: 'subscription',
    load: (tx, { among, newest }) =>
      tx.subscription.findMany({
        where: { status: { notIn: [...terminalStatuses] }, ...among },
        ...newest,
      }),
  },
});
