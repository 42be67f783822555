import { snapshotOf } from '../mirror/core/stripe-snapshot.ts';
import { customerRow } from '../mirror/objects/customer.ts';
import { compareList } from './compare-list.ts';

/**
 * Compares the customers created since the last success. Older ones are compared together with their
 * subscriptions and purchases. A customer without either does not affect access.
 */
export const compareCustomers = compareList({
  list: (stripe, params) => stripe.customers.list(params),
  onlyRecent: true,
  toSnapshot: (_, customer) => Promise.resolve(snapshotOf({ customer: [customerRow(customer)] })),
  alive: {
    objectType: 'customer',
    load: (tx, { among, newest }) =>
      tx.customer.findMany({ where: { deleted: false, uid: { not: null }, ...among }, ...newest }),
  },
});
