import { expect } from 'vitest';
import { periodEndOf, sell, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { day, expectAccess, expectChangeAt, hour, pro, required } from './steps.ts';

/** Where the window of a subscription ends. */
export const endings: ScenarioGroup = {
  subject: 'Subscriptions: ends',
  scenarios: [
    {
      title: 'canceled at once, it ends at once',
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
        'canceled for the end of the period, it ends there to the millisecond, by the clock, without `deleted`',
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
        'canceled for a date (`cancel_at`), it ends at that date, before or after the period’s end',
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
        'canceled for the end of the last of its periods, an earlier period that ends is no end',
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
      title: 'a date after the next renewal lets it renew, and ends it then',
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
        'the portal’s "at period end", which is `cancel_at` with `cancel_at_period_end = false`, ends it at the period’s end',
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
      title: 'canceled during its trial, it ends with the trial',
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
      title: 'a cancellation that is taken back before it came into effect leaves no trace',
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
      title: 'ended in truth before the date it was set to end at, it ends at the earlier one',
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
      title:
        'a subscription of which nothing is heard after its period goes on: silence is no evidence',
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
      title:
        'a subscription that was let go by a user who comes back is two, and the gap between them stays',
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
