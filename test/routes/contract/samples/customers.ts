import type { RouteSamples } from '../route-sample.ts';
import type { Ids, World } from '../world.ts';

/** A customer that was at Stripe before Latchkey was, and is a user's of `notes` by its metadata. */
async function newCustomer({ shop, fresh }: World): Promise<Partial<Ids>> {
  const user = fresh();
  const metadata = { project_id: 'notes', user_id: user };
  const { id } = await shop.stripe.customers.create({ metadata });
  return { user, customer: id };
}

/** One that names the project alone, and that an operator linked. */
async function linkedCustomer({ shop, done, fresh }: World): Promise<Partial<Ids>> {
  const user = fresh();
  const { id } = await shop.stripe.customers.create({ metadata: { project_id: 'notes' } });
  await done('POST', `/admin/users/${user}/customers`, { stripe_customer_id: id });
  return { user, customer: id };
}

/** A purchase without a user, known from a webhook. */
async function guestPurchase({ shop, service, fresh }: World): Promise<Partial<Ids>> {
  const { id: sessionId } = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: shop.prices.forever, quantity: 1 }],
    success_url: 'https://notes.example/',
  });
  await shop.sandbox.buyer.pay(sessionId, { email: 'guest@example.com' });
  await shop.settle();
  const { id } = await service.deps.database.prisma.purchase.findFirstOrThrow({
    where: { sessionId },
  });
  return { purchase: id, user: fresh() };
}

/** Whose Stripe's objects are. */
export const customerSamples: RouteSamples = {
  'POST /api/v1/admin/users/{user_id}/customers': {
    make: newCustomer,
    ask: ({ user, customer }) => ({
      params: { user_id: user },
      body: { stripe_customer_id: customer },
    }),
    problems: {
      customer_linked: ({ ids, fresh }) => ({
        params: { user_id: fresh() },
        body: { stripe_customer_id: ids.customer },
      }),
      customer_deleted: async (world) => {
        const { user = '', customer: id = '' } = await linkedCustomer(world);
        await world.shop.stripe.customers.del(id);
        return { params: { user_id: user }, body: { stripe_customer_id: id } };
      },
    },
  },
  'DELETE /api/v1/admin/users/{user_id}/customers/{id}': {
    make: linkedCustomer,
    ask: ({ user, customer }) => ({
      params: { user_id: user, id: customer },
      query: { reason: 'a sample' },
    }),
    problems: {
      // The customer that a checkout made.
      customer_named: ({ ids }) => ({
        params: { user_id: ids.user, id: ids.customer },
        query: { reason: 'a sample' },
      }),
    },
  },
  'POST /api/v1/admin/customers/link': {
    make: newCustomer,
    ask: ({ user, customer }) => ({
      body: { pairs: [{ user_id: user, stripe_customer_id: customer }] },
    }),
  },
  'GET /api/v1/admin/customers/link/{id}': { ask: ({ linkRun }) => ({ params: { id: linkRun } }) },
  'GET /api/v1/admin/customers/link/{id}/pairs': {
    ask: ({ linkRun }) => ({ params: { id: linkRun } }),
  },
  'GET /api/v1/admin/purchases': { ask: ({ user }) => ({ query: { user_id: user } }) },
  'POST /api/v1/admin/purchases/{id}/attach': {
    make: guestPurchase,
    ask: ({ purchase, user }) => ({ params: { id: purchase }, body: { user_id: user } }),
    problems: {
      purchase_claimed: ({ ids, fresh }) => ({
        params: { id: ids.purchase },
        body: { user_id: fresh() },
      }),
    },
  },
  'GET /api/v1/admin/users/{user_id}': { ask: ({ user }) => ({ params: { user_id: user } }) },
  'DELETE /api/v1/admin/users/{user_id}': {
    make: async ({ done, ids, fresh }) => {
      const user = fresh();
      await done('POST', '/admin/grant', {
        user_id: user,
        feature_code: ids.feature,
        reason: 'a sample',
      });
      return { user };
    },
    ask: ({ user }) => ({ params: { user_id: user }, query: { reason: 'asked to' } }),
  },
};
