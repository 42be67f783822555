import { expect } from 'vitest';
import { applySnapshot } from '../../src/mirror/apply.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { syncObject } from '../../src/mirror/sync.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { at } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, chargeOf, itemOf, openInvoiceOf, payAt, periodEndOf, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { expectAccess, forever, ownedBy, pro, team } from './steps.ts';
import { post, tellAgain } from './telling.ts';

function subscriptionRef(id: string) {
  return { objectType: 'subscription', objectId: id } as const;
}

/** The newest event of a type. */
async function eventOf(shop: Shop, type: string): Promise<string> {
  const { data } = await shop.stripe.events.list({ type, limit: 1 });
  return data[0]?.id ?? '';
}

/** Order, repetition, delay and loss of deliveries. */
export const deliveries: ScenarioGroup = {
  subject: 'Deliveries',
  scenarios: [
    {
      title: 'two updates within one second: the second one counts',
      basis: bases.eventOrder,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: shop.prices.team }],
        });
        await shop.settle();
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: '`created` (incomplete) that arrives after `updated` (active) takes nothing away',
      basis: bases.eventOrder,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        const subscription = await shop.stripe.subscriptions.create({
          customer,
          items: [{ price: shop.prices.pro }],
          metadata: ownedBy(shop, userId),
          payment_behavior: 'default_incomplete',
        });
        await shop.stripe.invoices.pay((await openInvoiceOf(shop, subscription)).id);
        await shop.sandbox.deliver(['customer.subscription.updated']);
        await shop.service.runWorker();
        await expectAccess(shop, userId, pro);
        await shop.sandbox.deliver(['customer.subscription.created']);
        await shop.service.runWorker();
        await expectAccess(shop, userId, pro);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'events in any order, each several times, end in the same access',
      basis: bases.duplicates,
      async run(shop, userId) {
        shop.sandbox.faults.webhooks = { shuffle: true, repeat: 2 };
        const session = await payAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, shop.prices.forever],
        });
        const { id } = await chargeOf(shop, session);
        await shop.sandbox.billing.refund(id, 1_000);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'one change with two event ids counts once',
      basis: bases.duplicates,
      async run(shop, userId) {
        shop.sandbox.faults.events = { twice: ['customer.subscription.*', 'checkout.*'] };
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await subscribe(shop, userId);
        await expectAccess(shop, userId, pro);
        const purchases = await shop.service.deps.database.prisma.purchase.count({
          where: { user: { userId } },
        });
        expect(purchases).toBe(1);
      },
    },
    {
      title: 'an event that is delivered again is acknowledged without a request to Stripe',
      basis: bases.duplicates,
      async run(shop, userId) {
        await subscribe(shop, userId);
        const event = await eventOf(shop, 'customer.subscription.created');
        const asked = shop.sandbox.requests.length;
        expect(shop.sandbox.resend(event)).toBe(true);
        await shop.settle();
        expect(shop.sandbox.requests).toHaveLength(asked);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a `deleted` that arrives before any other event of its subscription still ends it',
      basis: bases.eventOrder,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        const { id } = await shop.stripe.subscriptions.create({
          customer,
          items: [{ price: shop.prices.pro }],
          metadata: ownedBy(shop, userId),
        });
        await shop.stripe.subscriptions.cancel(id);
        await shop.sandbox.deliver(['customer.subscription.deleted']);
        await shop.service.runWorker();
        await expectAccess(shop, userId, {});
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a terminal status is final: an older snapshot that arrives later does not bring it back',
      basis: bases.events,
      async run(shop, userId) {
        const { deps } = shop.service;
        const { id } = await subscribe(shop, userId);
        const early = await drawNumber(deps.database);
        const older = await fetchSnapshot(shop.stripe, subscriptionRef(id));
        await shop.stripe.subscriptions.cancel(id);
        await syncObject(deps, subscriptionRef(id));
        await applySnapshot(deps, older, early);
        await expectAccess(shop, userId, {});
        // Even under a newer number, as from a server that lags behind.
        await applySnapshot(deps, older, await drawNumber(deps.database));
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an older snapshot of a late worker does not overwrite a newer one',
      basis: bases.events,
      async run(shop, userId) {
        const { deps } = shop.service;
        const subscription = await subscribe(shop, userId);
        const early = await drawNumber(deps.database);
        const older = await fetchSnapshot(shop.stripe, subscriptionRef(subscription.id));
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: shop.prices.team }],
        });
        await shop.settle();
        await applySnapshot(deps, older, early);
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'concurrent deliveries and the buyer’s return create one purchase',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const id = await shop.buy(userId, 'forever');
        await Promise.all([
          shop.settle(),
          shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key }),
          shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key }),
        ]);
        await shop.settle();
        await expectAccess(shop, userId, forever);
        const purchases = await shop.service.deps.database.prisma.purchase.count({
          where: { user: { userId } },
        });
        expect(purchases).toBe(1);
      },
    },
    {
      title: 'a cached read shows a change that was just processed',
      basis: bases.promises,
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await expectAccess(shop, userId, pro);
        await expectAccess(shop, userId, pro);
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an event that cannot be stored is not acknowledged, so that Stripe sends it again',
      basis: bases.promises,
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await shop.stripe.subscriptions.cancel(id);
        await withoutPostgres(shop.service.deps.database, () => shop.sandbox.deliver());
        await shop.service.runWorker();
        await expectAccess(shop, userId, pro);
        shop.service.clock.advance(60_000);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an outage of Stripe delays new access, and takes nothing away',
      basis: bases.queue,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: shop.prices.team }],
        });
        await shop.sandbox.deliver();
        shop.sandbox.faults.api({ path: /^\/v1\//, status: 500 });
        await shop.service.runWorker();
        await expectAccess(shop, userId, pro);
        shop.sandbox.faults.clear();
        shop.service.clock.advance(120_000);
        await shop.service.runWorker();
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'a rate limit (429) is retried, and does not count as processed',
      basis: bases.queue,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.cancel(subscription.id);
        await shop.sandbox.deliver();
        shop.sandbox.faults.api({ path: /^\/v1\/subscriptions/, status: 429 });
        await shop.service.runWorker();
        await expectAccess(shop, userId, pro);
        shop.sandbox.faults.clear();
        shop.service.clock.advance(120_000);
        await shop.service.runWorker();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an empty page from Stripe in place of known objects takes nothing away',
      basis: bases.promises,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const subscription = await subscribe(shop, userId);
        shop.sandbox.faults.api({ method: 'GET', emptyPage: true });
        const object = { id: session.id, object: 'checkout.session' };
        await post(shop, { type: 'checkout.session.completed', object });
        await tellAgain(shop, subscription);
        await expectAccess(shop, userId, { ...pro, ...forever });
      },
    },
    {
      title: 'the several events of a renewal do not change access',
      basis: bases.webhooks,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const before = await shop.service.request('GET', `/entitlements?user_id=${userId}`, {
          key: shop.key,
        });
        await shop.advanceTo(periodEndOf(subscription) + 7_200_000);
        await shop.settle();
        const after = await shop.service.request('GET', `/entitlements?user_id=${userId}`, {
          key: shop.key,
        });
        expect(at(after.body, 'revision')).toBe(at(before.body, 'revision'));
      },
    },
  ],
};
