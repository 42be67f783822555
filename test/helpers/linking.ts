import type { Customer, User } from '../../src/generated/prisma/client.ts';
import type { TestResponse } from './service.ts';
import type { Shop } from './shop.ts';

/** Existing Stripe customers, and their links to users. */
export interface Linking {
  /** Creates a customer, by default the project's. */
  customer: (metadata?: Record<string, string>) => Promise<string>;
  /** Creates a customer's subscription to `pro`. */
  subscribe: (id: string, metadata?: Record<string, string>) => Promise<string>;
  /** Creates a customer's purchase of `forever`, not through Latchkey. */
  purchase: (id: string) => Promise<void>;
  link: (userId: string, id: string, key?: string, more?: object) => Promise<TestResponse>;
  stored: (id: string) => Promise<(Customer & { user: User | null }) | null>;
}

export const ours = { project_id: 'notes' };

/** Returns these helpers; `shopOf` is called on use, so a file may define them before it has its shop. */
export function linkingOf(shopOf: () => Shop): Linking {
  let counter = 0;
  return {
    async customer(metadata = ours) {
      counter += 1;
      const { id } = await shopOf().stripe.customers.create({
        email: `c${counter}@example.com`,
        metadata,
      });
      return id;
    },
    async subscribe(id, metadata = {}) {
      const { stripe, prices } = shopOf();
      const { id: subscription } = await stripe.subscriptions.create({
        customer: id,
        items: [{ price: prices.pro }],
        metadata,
      });
      return subscription;
    },
    async purchase(id) {
      const { stripe, prices, sandbox } = shopOf();
      const session = await stripe.checkout.sessions.create({
        mode: 'payment',
        customer: id,
        line_items: [{ price: prices.forever, quantity: 1 }],
        success_url: 'https://notes.example/',
      });
      await sandbox.buyer.pay(session.id);
    },
    link: (userId, id, key = shopOf().key, more = {}) =>
      shopOf().service.request('POST', `/admin/users/${userId}/customers`, {
        key,
        body: { stripe_customer_id: id, ...more },
      }),
    stored: (id) =>
      shopOf().service.deps.database.prisma.customer.findUnique({
        where: { id },
        include: { user: true },
      }),
  };
}
