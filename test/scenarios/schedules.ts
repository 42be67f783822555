import { expect } from 'vitest';
import type Stripe from 'stripe';
import type { Shop } from '../helpers/shop.ts';
import { customerIdOf, itemOf, periodEndOf, sell, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { day, expectAccess, hour, ownedBy, pro, team } from './steps.ts';

/** A subscription to `pro` whose schedule has a second phase, with `team`, from the next period on. */
async function scheduled(
  shop: Shop,
  userId: string,
  endBehavior: 'cancel' | 'release' = 'release',
): Promise<{ subscription: Stripe.Subscription; schedule: string }> {
  const subscription = await subscribe(shop, userId);
  const { id } = await shop.stripe.subscriptionSchedules.create({
    from_subscription: subscription.id,
  });
  const end = periodEndOf(subscription) / 1_000;
  await shop.stripe.subscriptionSchedules.update(id, {
    end_behavior: endBehavior,
    phases: [
      { items: [{ price: shop.prices.pro }], start_date: subscription.created, end_date: end },
      {
        items: [{ price: shop.prices.team }],
        duration: { interval: 'month', interval_count: 1 },
      },
    ],
  });
  await shop.settle();
  return { subscription, schedule: id };
}

/** An upgrade that waits for a payment which was declined. */
async function pendingUpgrade(shop: Shop, userId: string): Promise<Stripe.Subscription> {
  const large = await sell(shop, {
    features: { notebooks: 50 },
    price: { unit_amount: 5_000, recurring: { interval: 'month' } },
  });
  const subscription = await subscribe(shop, userId);
  await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), true);
  const pending = await shop.stripe.subscriptions.update(subscription.id, {
    items: [{ id: itemOf(subscription), price: large.price }],
    payment_behavior: 'pending_if_incomplete',
    proration_behavior: 'always_invoice',
  });
  expect(pending.pending_update).not.toBeNull();
  await shop.settle();
  return pending;
}

/** Changes that take effect later. */
export const schedules: ScenarioGroup = {
  subject: 'Subscriptions: schedules and pending updates',
  scenarios: [
    {
      title: 'a schedule changes nothing until its phase begins; then the items decide',
      basis: bases.schedules,
      async run(shop, userId) {
        const { subscription } = await scheduled(shop, userId);
        await shop.advanceTo(periodEndOf(subscription) - hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'a schedule that has not begun has no subscription, and gives nothing',
      basis: bases.schedules,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        const startsAt = shop.service.clock.now() + 3 * day;
        await shop.stripe.subscriptionSchedules.create({
          customer,
          start_date: startsAt / 1_000,
          phases: [
            {
              items: [{ price: shop.prices.pro }],
              duration: { interval: 'month', interval_count: 1 },
              metadata: ownedBy(shop, userId),
            },
          ],
        });
        await shop.settle();
        await expectAccess(shop, userId, {});
        await shop.advanceTo(startsAt + hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'after its last phase, a schedule that releases its subscription leaves it as it is',
      basis: bases.schedules,
      async run(shop, userId) {
        const { subscription, schedule } = await scheduled(shop, userId);
        await shop.advanceTo(periodEndOf(subscription) + 40 * day);
        await shop.settle();
        const { status } = await shop.stripe.subscriptionSchedules.retrieve(schedule);
        expect(status).toBe('released');
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'after its last phase, a schedule that cancels ends access',
      basis: bases.schedules,
      async run(shop, userId) {
        const { subscription } = await scheduled(shop, userId, 'cancel');
        await shop.advanceTo(periodEndOf(subscription) + 20 * day);
        await shop.settle();
        await expectAccess(shop, userId, team);
        await shop.advanceTo(periodEndOf(subscription) + 40 * day);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a schedule released before its next phase has no further effect',
      basis: bases.schedules,
      async run(shop, userId) {
        const { subscription, schedule } = await scheduled(shop, userId);
        await shop.stripe.subscriptionSchedules.release(schedule);
        await shop.settle();
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'canceling a schedule cancels its subscription',
      basis: bases.schedules,
      async run(shop, userId) {
        const { schedule } = await scheduled(shop, userId);
        await shop.stripe.subscriptionSchedules.cancel(schedule);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an event about a schedule alone leads to its subscription',
      basis: bases.schedules,
      async run(shop, userId) {
        const { subscription } = await scheduled(shop, userId);
        shop.sandbox.faults.webhooks = { drop: ['customer.*', 'invoice.*'] };
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, team);
      },
    },
    {
      title: 'a schedule aborted because of an uncollectible debt cancels its subscription',
      basis: bases.schedules,
      async run(shop, userId) {
        await shop.sandbox.billing.setDunning({ retryDays: [3], then: 'cancel' });
        const { subscription, schedule } = await scheduled(shop, userId);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), true);
        shop.sandbox.faults.webhooks = { drop: ['customer.*', 'invoice.*'] };
        await shop.advanceTo(periodEndOf(subscription) + 4 * day);
        expect((await shop.stripe.subscriptionSchedules.retrieve(schedule)).status).toBe(
          'canceled',
        );
        await shop.sandbox.deliver(['subscription_schedule.aborted']);
        await shop.service.runWorker();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a pending update changes nothing until it is paid for',
      basis: bases.pendingUpdates,
      async run(shop, userId) {
        const subscription = await pendingUpgrade(shop, userId);
        await expectAccess(shop, userId, pro);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), false);
        const { data } = await shop.stripe.invoices.list({
          subscription: subscription.id,
          status: 'open',
        });
        await shop.stripe.invoices.pay(data[0]?.id ?? '');
        await shop.settle();
        await expectAccess(shop, userId, { notebooks: 50 });
      },
    },
    {
      title: 'a pending update that is not paid expires without effect',
      basis: bases.pendingUpdates,
      async run(shop, userId) {
        const { id } = await pendingUpgrade(shop, userId);
        await shop.advanceTo(shop.service.clock.now() + day);
        await shop.settle();
        expect((await shop.stripe.subscriptions.retrieve(id)).pending_update).toBeNull();
        await expectAccess(shop, userId, pro);
      },
    },
  ],
};
