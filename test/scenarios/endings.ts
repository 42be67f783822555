import { expect } from 'vitest';
import { periodEndOf, sell, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { day, expectAccess, expectChangeAt, hour, pro, required } from './steps.ts';

/** The end of a subscription's window. */
export const endings: ScenarioGroup = {
  subject: 'Subscriptions: ends',
  scenarios: [
    {
      title: 'a subscription canceled immediately ends immediately',
      basis: bases.cancel,
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await shop.sandbox.billing.cancelNow(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a subscription canceled at period end ends there to the millisecond, by the clock, without a `deleted` event',
      basis: bases.cancel,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        shop.sandbox.faults.webhooks = { drop: true };
        await expectChangeAt(shop, userId, periodEndOf(subscription), { before: pro });
        expect(await shop.reason(userId, 'export')).toBe('expired');
      },
    },
    {
      title:
        'a subscription canceled at a date (`cancel_at`) ends at that date, before or after the period’s end',
      basis: bases.cancel,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const end = periodEndOf(subscription) - 10 * day;
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at: end / 1_000 });
        await shop.settle();
        await expectChangeAt(shop, userId, end, { before: pro });
      },
    },
    {
      title:
        'a subscription canceled at the end of a later period does not end with an earlier one',
      basis: bases.mixedIntervals,
      async run(shop, userId) {
        const yearly = await sell(shop, {
          features: { theme: { dark: 'yearly' } },
          price: { recurring: { interval: 'year' } },
        });
        const subscription = await subscribe(shop, userId, {
          items: [{ price: yearly.price }, { price: shop.prices.pro }],
          cancel_at: 'max_period_end',
        });
        const both = { ...pro, theme: { dark: 'yearly' } };
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, both);
        await expectChangeAt(shop, userId, required(subscription.cancel_at) * 1_000, {
          before: both,
        });
      },
    },
    {
      title:
        'a cancellation date after the next renewal lets the subscription renew, and ends it at that date',
      basis: bases.cancel,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const end = periodEndOf(subscription) + 10 * day;
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at: end / 1_000 });
        await shop.settle();
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectChangeAt(shop, userId, end, { before: pro });
      },
    },
    {
      title:
        'the portal’s "at period end", which is `cancel_at` with `cancel_at_period_end = false`, ends the subscription at the period’s end',
      basis: bases.billingMode,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const end = periodEndOf(subscription);
        const told = await shop.stripe.subscriptions.update(subscription.id, {
          cancel_at: end / 1_000,
        });
        expect(told.cancel_at_period_end).toBe(false);
        await shop.settle();
        await expectChangeAt(shop, userId, end, { before: pro });
      },
    },
    {
      title: 'a subscription canceled during its trial ends with the trial',
      basis: bases.trials,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, { trial_period_days: 5 });
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        await expectChangeAt(shop, userId, required(subscription.trial_end) * 1_000, {
          before: pro,
        });
      },
    },
    {
      title: 'a cancellation that is withdrawn before it takes effect has no effect',
      basis: bases.cancel,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: false });
        await shop.settle();
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a subscription that ends before its set date ends at the earlier instant',
      basis: bases.cancel,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
        await shop.settle();
        await shop.advanceTo(shop.service.clock.now() + day);
        await shop.stripe.subscriptions.cancel(subscription.id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a subscription without news after its period stays active: silence is no evidence',
      basis: bases.promises,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        shop.sandbox.faults.webhooks = { drop: true };
        await shop.advanceTo(periodEndOf(subscription) + 100 * day);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a user who lets a subscription end and returns has two, with a gap between them',
      basis: bases.cancel,
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await shop.advanceTo(shop.service.clock.now() + day);
        await expectAccess(shop, userId, {});
        await subscribe(shop, userId);
        await expectAccess(shop, userId, pro);
      },
    },
  ],
};
