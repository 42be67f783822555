import { expect } from 'vitest';
import type Stripe from 'stripe';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, chargeOf, customerIdOf, subscribe, subscribeCustomer } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { expectAccess, forever, ownedBy, pro } from './steps.ts';

/** Paid on a page without a user. */
async function buyNameless(
  shop: Shop,
  params: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Promise<Stripe.Checkout.Session> {
  const { id } = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: shop.prices.forever, quantity: 1 }],
    success_url: 'https://elsewhere.example',
    ...params,
  });
  await shop.sandbox.buyer.pay(id);
  await shop.settle();
  return shop.stripe.checkout.sessions.retrieve(id);
}

async function link(shop: Shop, userId: string, customer: string): Promise<void> {
  const { status, body } = await shop.service.request('POST', `/admin/users/${userId}/customers`, {
    key: shop.key,
    body: { stripe_customer_id: customer },
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** Ownership. */
export const customers: ScenarioGroup = {
  subject: 'Customers and guests',
  scenarios: [
    {
      title: 'concurrent checkouts of one user create one customer at Stripe',
      basis: bases.idempotency,
      async run(shop, userId) {
        const answers = await Promise.all([
          shop.checkout(userId, 'pass'),
          shop.checkout(userId, 'forever'),
          shop.checkout(userId, 'pro'),
        ]);
        expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
        const { customers: made } = shop.sandbox.objects('customers');
        const ours = made.filter(({ metadata }) => metadata['user_id'] === userId);
        expect(ours).toHaveLength(1);
      },
    },
    {
      title: 'a customer deleted at Stripe loses its subscriptions and keeps its purchases',
      basis: bases.customers,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const customer = customerIdOf(subscription);
        await buyAt(shop, userId, { prices: [shop.prices.forever], customer });
        await expectAccess(shop, userId, { ...pro, ...forever });
        await shop.stripe.customers.del(customer);
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'after the deletion, a checkout creates a new customer',
      basis: bases.customers,
      async run(shop, userId) {
        await shop.buy(userId, 'forever');
        await shop.settle();
        const former = await shop.customerOf(userId);
        await shop.stripe.customers.del(former);
        await shop.settle();
        await shop.buy(userId, 'pro');
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, ...forever });
        const { data } = await shop.stripe.subscriptions.list({ limit: 1 });
        expect(data[0]?.customer).not.toBe(former);
      },
    },
    {
      title: 'a guest’s purchase has no user, even if the e-mail address is a known user’s',
      basis: bases.guests,
      async run(shop, userId) {
        const email = `${userId}@example.com`;
        await shop.stripe.customers.create({ email, metadata: ownedBy(shop, userId) });
        const session = await buyNameless(shop, { customer_email: email });
        await expectAccess(shop, userId, {});
        const { uid } = await shop.service.deps.database.prisma.checkoutSession.findUniqueOrThrow({
          where: { id: session.id },
        });
        expect(uid).toBeNull();
      },
    },
    {
      title:
        'a guest’s purchase that is assigned to a user counts from its payment on, refunds included',
      basis: bases.events,
      async run(shop, userId) {
        const session = await buyNameless(shop);
        const { id } = await shop.service.deps.database.prisma.purchase.findFirstOrThrow({
          where: { sessionId: session.id },
        });
        const { status } = await shop.service.request('POST', `/admin/purchases/${id}/attach`, {
          key: shop.key,
          body: { user_id: userId, reason: 'wrote to support' },
        });
        expect(status).toBe(200);
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a customer that metadata assign to a user brings its purchases and subscriptions',
      basis: bases.metadata,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        await buyNameless(shop, { customer });
        await subscribeCustomer(shop, userId, customer, { metadata: {} });
        await expectAccess(shop, userId, {});
        await shop.stripe.customers.update(customer, { metadata: ownedBy(shop, userId) });
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, ...forever });
      },
    },
    {
      title:
        'a customer that an operator links brings its purchases and subscriptions, even without any event about them',
      basis: bases.events,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        shop.sandbox.faults.webhooks = { drop: true };
        await buyNameless(shop, { customer });
        await subscribeCustomer(shop, userId, customer, { metadata: {} });
        await link(shop, userId, customer);
        await expectAccess(shop, userId, { ...pro, ...forever });
      },
    },
    {
      title: 'several customers of one user add up, and losing one leaves the others',
      basis: bases.merging,
      async run(shop, userId) {
        const ids: string[] = [];
        for (const price of [shop.prices.pro, shop.prices.team]) {
          const { id: customer } = await shop.stripe.customers.create();
          const { id } = await subscribeCustomer(shop, userId, customer, {
            items: [{ price }],
            metadata: {},
          });
          await link(shop, userId, customer);
          ids.push(id);
        }
        expect(await shop.entitled(userId)).toMatchObject({ notebooks: 'unlimited' });
        await shop.stripe.subscriptions.cancel(ids[1] ?? '');
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a customer whose metadata are edited later stays with its user',
      basis: bases.metadata,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create({
          metadata: ownedBy(shop, userId),
        });
        await subscribeCustomer(shop, userId, customer, { metadata: {} });
        await expectAccess(shop, userId, pro);
        await shop.stripe.customers.update(customer, {
          metadata: ownedBy(shop, `${userId}_thief`),
        });
        await shop.settle();
        await expectAccess(shop, userId, pro);
        await expectAccess(shop, `${userId}_thief`, {});
      },
    },
    {
      title:
        'a `client_reference_id` that no checkout of ours wrote names no user, even if it is a user’s id',
      basis: bases.session,
      async run(shop, userId) {
        await subscribe(shop, userId);
        await buyNameless(shop, { client_reference_id: userId });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'later edits of metadata do not move what was sold through a checkout of ours',
      basis: bases.metadata,
      async run(shop, userId) {
        await shop.buy(userId, 'pro');
        await shop.settle();
        const { id } = await shop.subscriptionOf(userId);
        await shop.stripe.subscriptions.update(id, {
          metadata: { project_id: shop.projectId, user_id: `${userId}_thief` },
        });
        await shop.settle();
        await expectAccess(shop, userId, pro);
        await expectAccess(shop, `${userId}_thief`, {});
      },
    },
    {
      title: 'metadata that name a missing project have no effect',
      basis: bases.metadata,
      async run(shop, userId) {
        await subscribe(shop, userId, { metadata: { project_id: 'nowhere', user_id: userId } });
        await expectAccess(shop, userId, {});
      },
    },
  ],
};
