import { expect } from 'vitest';
import type { Shop } from '../helpers/shop.ts';
import { customerIdOf, itemOf, periodEndOf, sell, subscribe, subscribeCustomer } from './buying.ts';
import { bases, type Scenario, type ScenarioGroup } from './scenario.ts';
import {
  accessAt,
  day,
  expectAccess,
  expectChangeAt,
  hour,
  ownedBy,
  pro,
  put,
  required,
  team,
} from './steps.ts';
import { tellAgain, tellOfSubscription } from './telling.ts';

async function upgrade(
  shop: Shop,
  userId: string,
  behavior: 'always_invoice' | 'create_prorations' | 'none',
): Promise<void> {
  const subscription = await subscribe(shop, userId);
  await shop.advanceTo(shop.service.clock.now() + 10 * day);
  await shop.stripe.subscriptions.update(subscription.id, {
    items: [{ id: itemOf(subscription), price: shop.prices.team }],
    proration_behavior: behavior,
  });
  await shop.settle();
}

const upgrades = (['create_prorations', 'always_invoice', 'none'] as const).map(
  (behavior): Scenario => ({
    title: `an upgrade with \`proration_behavior: ${behavior}\` takes effect when Stripe's items say so`,
    basis: bases.prorations,
    async run(shop, userId) {
      await upgrade(shop, userId, behavior);
      await expectAccess(shop, userId, team);
    },
  }),
);

/** The items of one or several subscriptions. */
export const plans: ScenarioGroup = {
  subject: 'Subscriptions: items and plans',
  scenarios: [
    ...upgrades,
    {
      title: 'an unpaid upgrade still takes effect: the status decides, not the invoice',
      basis: bases.statuses,
      async run(shop, userId) {
        const large = await sell(shop, {
          features: { notebooks: 50 },
          price: { unit_amount: 5_000, recurring: { interval: 'month' } },
        });
        const subscription = await subscribe(shop, userId);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), true);
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: large.price }],
          proration_behavior: 'always_invoice',
        });
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(status).toBe('past_due');
        await expectAccess(shop, userId, { notebooks: 50 });
      },
    },
    {
      title: 'a downgrade takes away what the smaller plan lacks',
      basis: bases.change,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, {
          items: [{ price: shop.prices.team }],
        });
        await expectAccess(shop, userId, team);
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: shop.prices.pro }],
        });
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'an added item gives what it carries from then on, until it is removed',
      basis: bases.multipleProducts,
      async run(shop, userId) {
        const addOn = await sell(shop, { features: { theme: { dark: 'add-on' } } });
        const subscription = await subscribe(shop, userId);
        await shop.advanceTo(shop.service.clock.now() + day);
        const addedAt = shop.service.clock.now();
        const changed = await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ price: addOn.price }],
        });
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, theme: { dark: 'add-on' } });
        expect(await accessAt(shop, userId, addedAt - 1)).toEqual(pro);
        const added = required(changed.items.data.find(({ price }) => price.id === addOn.price));
        await shop.stripe.subscriptionItems.del(added.id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'an item of quantity 0 gives nothing',
      basis: bases.quantities,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptionItems.update(itemOf(subscription), { quantity: 0 });
        await shop.settle();
        await expectAccess(shop, userId, {});
        await shop.stripe.subscriptionItems.update(itemOf(subscription), { quantity: 1 });
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a metered item, which has no quantity, gives what it carries',
      basis: bases.metered,
      async run(shop, userId) {
        const { id: meter } = await shop.stripe.billing.meters.create({
          display_name: 'Pages',
          event_name: `pages_${userId}`,
          default_aggregation: { formula: 'sum' },
        });
        const { price } = await sell(shop, {
          features: { export: true },
          price: { recurring: { interval: 'month', usage_type: 'metered', meter } },
        });
        await subscribe(shop, userId, { items: [{ price }] });
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'a `per_quantity` limit is multiplied by the quantity, and follows its changes',
      basis: bases.quantities,
      async run(shop, userId) {
        await put(shop, 'features/seats', { name: 'Seats', type: 'limit', per_quantity: true });
        const { price } = await sell(shop, { features: { seats: 5, notebooks: 3 } });
        const subscription = await subscribe(shop, userId, { items: [{ price, quantity: 4 }] });
        await expectAccess(shop, userId, { seats: 20, notebooks: 3 });
        await shop.stripe.subscriptionItems.update(itemOf(subscription), { quantity: 2 });
        await shop.settle();
        await expectAccess(shop, userId, { seats: 10, notebooks: 3 });
      },
    },
    {
      title: 'a subscription with more than ten items gives what all of them carry',
      basis: bases.pagination,
      async run(shop, userId) {
        const { product } = await sell(shop, { features: {} });
        const items: { price: string }[] = [];
        for (let count = 0; count < 23; count += 1) {
          const { id } = await shop.stripe.prices.create({
            product,
            currency: 'usd',
            unit_amount: 100 + count,
            recurring: { interval: 'month' },
          });
          items.push({ price: id });
        }
        await subscribe(shop, userId, { items: [...items, { price: shop.prices.pro }] });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'monthly and yearly items of one subscription end together, with the earlier period',
      basis: bases.mixedIntervals,
      async run(shop, userId) {
        const yearly = await sell(shop, {
          features: { theme: { dark: 'yearly' } },
          price: { recurring: { interval: 'year' } },
        });
        const subscription = await subscribe(shop, userId, {
          items: [{ price: yearly.price }, { price: shop.prices.pro }],
        });
        const both = { ...pro, theme: { dark: 'yearly' } };
        const [long, short] = subscription.items.data.map((item) => item.current_period_end);
        expect(long).toBeGreaterThan(required(short) + 300 * 86_400);
        // As Stripe reports it if only the flag was set.
        tellOfSubscription(shop, subscription.id, { cancel_at_period_end: true });
        await tellAgain(shop, subscription);
        await expectChangeAt(shop, userId, required(short) * 1_000, { before: both });
      },
    },
    {
      title: 'a monthly item that renews does not touch the yearly one beside it',
      basis: bases.mixedIntervals,
      async run(shop, userId) {
        const yearly = await sell(shop, {
          features: { theme: { dark: 'yearly' } },
          price: { recurring: { interval: 'year' } },
        });
        const subscription = await subscribe(shop, userId, {
          items: [{ price: yearly.price }, { price: shop.prices.pro }],
        });
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, theme: { dark: 'yearly' } });
      },
    },
    {
      title: 'the deletion of an old subscription does not touch the new plan',
      basis: bases.promises,
      async run(shop, userId) {
        const old = await subscribe(shop, userId);
        await subscribeCustomer(shop, userId, customerIdOf(old), {
          items: [{ price: shop.prices.team }],
        });
        await shop.stripe.subscriptions.cancel(old.id);
        await shop.settle();
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'two subscriptions of one user add up: any boolean, the largest limit',
      basis: bases.merging,
      async run(shop, userId) {
        const small = await sell(shop, { features: { notebooks: 3 } });
        await subscribe(shop, userId, { items: [{ price: small.price }] });
        const large = await subscribe(shop, userId);
        await expectAccess(shop, userId, pro);
        await shop.stripe.subscriptions.cancel(large.id);
        await shop.settle();
        await expectAccess(shop, userId, { notebooks: 3 });
      },
    },
    {
      title: 'a subscription with a discount of 100 % is like any other',
      basis: bases.coupons,
      async run(shop, userId) {
        const { id: coupon } = await shop.stripe.coupons.create({
          percent_off: 100,
          duration: 'forever',
        });
        const subscription = await subscribe(shop, userId, { discounts: [{ coupon }] });
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'flexible billing, the default, keeps periods on the items; only these are read',
      basis: bases.billingMode,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, {
          billing_mode: { type: 'flexible' },
        });
        expect(subscription).not.toHaveProperty('current_period_end');
        expect(subscription.billing_mode.type).toBe('flexible');
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        await expectChangeAt(shop, userId, periodEndOf(subscription), { before: pro });
      },
    },
    {
      title: 'a backdated subscription’s items start when they were created, not before',
      basis: bases.backdating,
      async run(shop, userId) {
        const backdate = Math.floor(shop.service.clock.now() / 1_000) - 20 * 86_400;
        const subscription = await subscribe(shop, userId, { backdate_start_date: backdate });
        expect(subscription.start_date).toBe(backdate);
        await expectAccess(shop, userId, pro);
        expect(await accessAt(shop, userId, subscription.created * 1_000 - 1)).toEqual({});
      },
    },
    {
      title: 'the subscription’s own metadata decide its user, whoever its customer is',
      basis: bases.metadata,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create({ email: 'a@example.com' });
        await shop.stripe.subscriptions.create({
          customer,
          items: [{ price: shop.prices.pro }],
          metadata: ownedBy(shop, userId),
        });
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
  ],
};
