import { expect } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import { buyAt, fallBehind, openInvoiceOf, periodEndOf, subscribe } from './buying.ts';
import { bases, type Scenario, type ScenarioGroup } from './scenario.ts';
import { accessAt, day, expectAccess, hour, idOf, pro } from './steps.ts';
import { tellAgain, tellOfSubscription } from './telling.ts';

const collectionPauses = (['void', 'mark_uncollectible', 'keep_as_draft'] as const).map(
  (behavior): Scenario => ({
    title: `paused collection (\`pause_collection: ${behavior}\`) changes neither the status nor the access`,
    basis: bases.pauseCollection,
    status: 'active',
    async run(shop, userId) {
      const subscription = await subscribe(shop, userId);
      await shop.stripe.subscriptions.update(subscription.id, { pause_collection: { behavior } });
      await shop.settle();
      await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
      await shop.settle();
      const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
      expect(status).toBe('active');
      await expectAccess(shop, userId, pro);
    },
  }),
);

/** The access that each status of a subscription gives; debts are in dunning.ts. */
export const statuses: ScenarioGroup = {
  subject: 'Subscriptions: statuses',
  scenarios: [
    {
      title: '`active` gives what the product carries, without end',
      basis: bases.statuses,
      status: 'active',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        expect(subscription.status).toBe('active');
        await expectAccess(shop, userId, pro);
        const { body } = await shop.service.request('GET', `/entitlements?user_id=${userId}`, {
          key: shop.key,
        });
        expect(body).toMatchObject({ next_change_at: null });
      },
    },
    {
      title: '`trialing` gives access, which continues when the trial becomes paid',
      basis: bases.trials,
      status: 'trialing',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, { trial_period_days: 14 });
        expect(subscription.status).toBe('trialing');
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'extending a trial or ending it early does not interrupt access',
      basis: bases.trials,
      status: 'trialing',
      async run(shop, userId) {
        const { id, trial_end: trialEnd } = await subscribe(shop, userId, { trial_period_days: 7 });
        await shop.stripe.subscriptions.update(id, { trial_end: (trialEnd ?? 0) + 7 * 86_400 });
        await shop.settle();
        await shop.advanceTo((trialEnd ?? 0) * 1_000 + day);
        await shop.settle();
        await expectAccess(shop, userId, pro);
        const paid = await shop.stripe.subscriptions.update(id, { trial_end: 'now' });
        expect(paid.status).toBe('active');
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a trial that ends without a payment method and is set to cancel ends access',
      basis: bases.trials,
      status: 'canceled',
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro],
          payment_method_collection: 'if_required',
          subscription_data: {
            metadata: { project_id: shop.projectId, user_id: userId },
            trial_period_days: 3,
            trial_settings: { end_behavior: { missing_payment_method: 'cancel' } },
          },
        });
        await expectAccess(shop, userId, pro);
        const subscription = await shop.stripe.subscriptions.retrieve(idOf(session.subscription));
        await shop.advanceTo(periodEndOf(subscription));
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a trial that ends without a payment method and is set to pause turns `paused`, which gives nothing until it is resumed',
      basis: bases.trials,
      status: 'paused',
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro],
          payment_method_collection: 'if_required',
          subscription_data: {
            metadata: { project_id: shop.projectId, user_id: userId },
            trial_period_days: 3,
            trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
          },
        });
        const id = idOf(session.subscription);
        await shop.advanceTo(periodEndOf(await shop.stripe.subscriptions.retrieve(id)));
        await shop.settle();
        expect((await shop.stripe.subscriptions.retrieve(id)).status).toBe('paused');
        await expectAccess(shop, userId, {});
        await shop.stripe.subscriptions.resume(id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: '`paused` gives nothing from the instant of the pause until it is resumed',
      basis: bases.statuses,
      status: 'paused',
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await shop.advanceTo(shop.service.clock.now() + day);
        const pausedAt = shop.service.clock.now();
        await shop.stripe.subscriptions.pause(id, { type: 'subscription' });
        await shop.settle();
        await expectAccess(shop, userId, {});
        expect(await accessAt(shop, userId, pausedAt - 1)).toEqual(pro);
        await shop.stripe.subscriptions.resume(id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    ...collectionPauses,
    {
      title: '`incomplete` gives nothing until the first payment arrives',
      basis: bases.statuses,
      status: 'incomplete',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, {
          payment_behavior: 'default_incomplete',
        });
        expect(subscription.status).toBe('incomplete');
        await expectAccess(shop, userId, {});
        await shop.stripe.invoices.pay((await openInvoiceOf(shop, subscription)).id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'a slow first payment leaves the subscription `active`, which gives access until the payment fails and the grace period ends',
      basis: bases.statuses,
      status: 'active',
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, shop.prices.forever],
          card: 'async_failure',
        });
        expect(session.payment_status).toBe('unpaid');
        // The one-time line is a purchase, which is not paid.
        await expectAccess(shop, userId, pro);
        await shop.sandbox.buyer.settleAsync(session.id, false);
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(idOf(session.subscription));
        expect(status).toBe('past_due');
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(shop.service.clock.now() + 8 * day);
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: '`incomplete_expired` gives nothing, and never gave anything',
      basis: bases.statuses,
      status: 'incomplete_expired',
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId, { payment_behavior: 'default_incomplete' });
        await shop.advanceTo(shop.service.clock.now() + day);
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(id);
        expect(status).toBe('incomplete_expired');
        await expectAccess(shop, userId, {});
        expect(await accessAt(shop, userId, shop.service.clock.now() - hour)).toEqual({});
      },
    },
    {
      title:
        '`unpaid` ends access at once, within the grace period too; paying the debt restores it',
      basis: bases.statuses,
      status: 'unpaid',
      async run(shop, userId) {
        await shop.sandbox.billing.setDunning({ retryDays: [1], then: 'unpaid' });
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(owedAt + day + hour);
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(status).toBe('unpaid');
        await expectAccess(shop, userId, {});
        expect(await shop.reason(userId, 'export')).toBe('payment_overdue');
        await shop.sandbox.billing.payOpenInvoice((await openInvoiceOf(shop, subscription)).id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: '`canceled` gives nothing after its end',
      basis: bases.statuses,
      status: 'canceled',
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
        expect(await shop.reason(userId, 'export')).toBe('expired');
      },
    },
    {
      title: 'an unknown status leaves access unchanged and raises an alarm',
      basis: bases.traps,
      status: 'unknown',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const alarms = await countAlarms(shop.service, 'unknown_status');
        tellOfSubscription(shop, subscription.id, { status: 'on_the_moon' });
        await tellAgain(shop, subscription);
        await expectAccess(shop, userId, pro);
        expect(await countAlarms(shop.service, 'unknown_status')).toBe(alarms + 1);
      },
    },
    {
      title: 'an unknown status gives nothing if no other status was seen before',
      basis: bases.traps,
      status: 'unknown',
      async run(shop, userId) {
        const customer = await shop.stripe.customers.create();
        const subscription = await shop.stripe.subscriptions.create({
          customer: customer.id,
          items: [{ price: shop.prices.pro }],
          metadata: { project_id: shop.projectId, user_id: userId },
        });
        tellOfSubscription(shop, subscription.id, { status: 'on_the_moon' });
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
  ],
};
