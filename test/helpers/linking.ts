import type { Customer, User } from '../../src/generated/prisma/client.ts';
import type { TestResponse } from './service.ts';
import type { Shop } from './shop.ts';

/** Customers that were at Stripe before Latchkey was, and their link to users. */
export interface Linking {
  /** Makes a customer, by default the project's. */
  customer: (metadata?: Record<string, string>) => Promise<string>;
  /** Makes a subscription to `pro` of a customer. */
  subscribe: (id: string, metadata?: Record<string, string>) => Promise<string>;
  /** Makes a purchase of `forever` by a customer, not through Latchkey. */
  purchase: (id: string) => Promise<void>;
  link: (userId: string, id: string, key?: string, more?: object) => Promise<TestResponse>;
  stored: (id: string) => Promise<(Customer & { user: User | null }) | null>;
}

export const ours = { project_id: 'notes' };

export function linkingOf(shop: Shop): Linking {
  let counter = 0;
  return {
    async customer(metadata = ours) {
      counter += 1;
      const { id } = await shop.stripe.customers.create({
        email: `c${counter}@example.com`,
        metadata,
      });
      return id;
    },
    async subscribe(id, metadata = {}) {
      const { id: subscription } = await shop.stripe.subscriptions.create({
        customer: id,
        items: [{ price: shop.prices.pro }],
        metadata,
      });
      return subscription;
    },
    async purchase(id) {
      const session = await shop.stripe.checkout.sessions.create({
        mode: 'payment',
        customer: id,
        line_items: [{ price: shop.prices.forever, quantity: 1 }],
        success_url: 'https://notes.example/',
      });
      await shop.sandbox.buyer.pay(session.id);
    },
    link: (userId, id, key = shop.key, more = {}) =>
      shop.service.request('POST', `/admin/users/${userId}/customers`, {
        key,
        body: { stripe_customer_id: id, ...more },
      }),
    stored: (id) =>
      shop.service.deps.database.prisma.customer.findUnique({
        where: { id },
        include: { user: true },
      }),
  };
}
