import { expect } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import {
  customerIdOf,
  fallBehind,
  fallBehindAt,
  itemOf,
  openInvoiceOf,
  periodEndOf,
  subscribe,
} from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import {
  accessAt,
  day,
  expectAccess,
  expectChangeAt,
  hour,
  pro,
  required,
  setPolicy,
  team,
  withPolicy,
} from './steps.ts';
import { post, tellAgain, tellOfSubscription } from './telling.ts';

const never = { retryDays: [], then: 'past_due' as const };

/** `past_due`: from when, and for how long, access outlives a failed payment. */
export const dunning: ScenarioGroup = {
  subject: 'Subscriptions: payments that fail',
  scenarios: [
    {
      title: '`past_due` keeps access until the grace period ends, to the millisecond',
      basis: bases.merging,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(status).toBe('past_due');
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
        expect(await shop.reason(userId, 'export')).toBe('payment_overdue');
      },
    },
    {
      title:
        'the grace period counts from the finalized invoice, not from the billing period, which has advanced by then',
      basis: bases.merging,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const endedAt = periodEndOf(subscription);
        const owedAt = await fallBehind(shop, subscription);
        expect(owedAt).toBe(endedAt + hour);
        const renewed = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(periodEndOf(renewed)).toBeGreaterThan(endedAt + 7 * day);
        await expectChangeAt(shop, userId, endedAt + hour + 7 * day, { before: pro });
      },
    },
    {
      title:
        'an upgrade that is paid while the renewal is a draft does not pay the renewal, whose grace period still ends',
      basis: bases.prorations,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const endedAt = periodEndOf(subscription);
        await shop.advanceTo(endedAt + hour / 2);
        await shop.settle();
        await shop.stripe.subscriptions.update(subscription.id, {
          items: [{ id: itemOf(subscription), price: shop.prices.team }],
          proration_behavior: 'always_invoice',
        });
        await shop.settle();
        const owedAt = await fallBehindAt(shop, subscription, endedAt + hour);
        expect(owedAt).toBe(endedAt + hour);
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: team });
        expect(await shop.reason(userId, 'export')).toBe('payment_overdue');
      },
    },
    {
      title: 'a debt paid within the grace period leaves no gap; paid later, it ends the gap',
      basis: bases.retries,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), false);
        await shop.advanceTo(owedAt + 3 * day + hour);
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(status).toBe('active');
        await shop.advanceTo(owedAt + 8 * day);
        await expectAccess(shop, userId, pro);
        const againAt = await fallBehind(shop, subscription);
        await shop.advanceTo(againAt + 8 * day);
        await expectAccess(shop, userId, {});
        await shop.stripe.invoices.pay((await openInvoiceOf(shop, subscription)).id, {
          paid_out_of_band: true,
        });
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'a renewal that waits for the buyer’s bank (`payment_action_required`) is a debt like any other',
      basis: bases.actionRequired,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), true);
        shop.sandbox.faults.webhooks = { drop: true };
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        const invoice = await openInvoiceOf(shop, subscription);
        const owedAt = required(invoice.status_transitions.finalized_at) * 1_000;
        await expectAccess(shop, userId, pro);
        await post(shop, { type: 'invoice.payment_action_required', object: invoice });
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
      },
    },
    {
      title: 'without a grace period (`grace_days: 0`), access ends when the payment is due',
      basis: bases.merging,
      status: 'past_due',
      run: (shop, userId) =>
        withPolicy(shop, { grace_days: 0 }, async () => {
          const subscription = await subscribe(shop, userId);
          await expectAccess(shop, userId, pro);
          const owedAt = await fallBehind(shop, subscription);
          await expectAccess(shop, userId, {});
          expect(await accessAt(shop, userId, owedAt - 1)).toEqual(pro);
          expect(await accessAt(shop, userId, owedAt)).toEqual({});
        }),
    },
    {
      title: 'a changed grace period applies at once, to existing debts too',
      basis: bases.merging,
      status: 'past_due',
      run: (shop, userId) =>
        withPolicy(shop, { grace_days: 7 }, async () => {
          await shop.sandbox.billing.setDunning(never);
          const subscription = await subscribe(shop, userId);
          const owedAt = await fallBehind(shop, subscription);
          await shop.advanceTo(owedAt + 8 * day);
          await expectAccess(shop, userId, {});
          await setPolicy(shop, { grace_days: 10 });
          await expectAccess(shop, userId, pro);
          await expectChangeAt(shop, userId, owedAt + 10 * day, { before: pro });
        }),
    },
    {
      title: 'the next renewal does not restart the grace period',
      basis: bases.merging,
      status: 'past_due',
      run: (shop, userId) =>
        withPolicy(shop, { grace_days: 40 }, async () => {
          await shop.sandbox.billing.setDunning(never);
          const subscription = await subscribe(shop, userId);
          const owedAt = await fallBehind(shop, subscription);
          const secondAt = await fallBehind(shop, subscription);
          expect(secondAt).toBeGreaterThan(owedAt + 27 * day);
          await expectChangeAt(shop, userId, owedAt + 40 * day, { before: pro });
        }),
    },
    {
      title: 'an old unpaid invoice, followed by paid ones, does not shorten the grace period',
      basis: bases.merging,
      status: 'past_due',
      async run(shop, userId) {
        await shop.sandbox.billing.setDunning(never);
        const subscription = await subscribe(shop, userId);
        const forgottenAt = await fallBehind(shop, subscription);
        await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), false);
        const behind = await shop.stripe.subscriptions.retrieve(subscription.id);
        await shop.advanceTo(periodEndOf(behind) + 2 * hour);
        await shop.settle();
        const { data } = await shop.stripe.invoices.list({ subscription: subscription.id });
        expect(data.map(({ status }) => status)).toEqual(['paid', 'open', 'paid']);
        await expectAccess(shop, userId, pro);
        const owedAt = await fallBehind(shop, subscription);
        expect(owedAt).toBeGreaterThan(forgottenAt + 50 * day);
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
      },
    },
    {
      title: 'an `uncollectible` invoice is still a debt',
      basis: bases.merging,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        const invoice = await openInvoiceOf(shop, subscription);
        await shop.sandbox.billing.markUncollectible(invoice.id);
        tellOfSubscription(shop, subscription.id, { status: 'past_due' });
        await shop.settle();
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
      },
    },
    {
      title:
        'an invoice that paused collection gave up before its payment was requested is no debt, so a later one gets its full grace period',
      basis: bases.pauseCollection,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptions.update(subscription.id, {
          pause_collection: { behavior: 'mark_uncollectible' },
        });
        await shop.advanceTo(periodEndOf(subscription) + 40 * day);
        await shop.stripe.subscriptions.update(subscription.id, { pause_collection: '' });
        const owedAt = await fallBehind(shop, subscription);
        const { data } = await shop.stripe.invoices.list({ subscription: subscription.id });
        expect(data.map(({ status }) => status)).toEqual([
          'open',
          'uncollectible',
          'uncollectible',
          'paid',
        ]);
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
      },
    },
    {
      title:
        '`past_due` without an unpaid invoice is no evidence of a debt: access stays, and an alarm is raised',
      basis: bases.promises,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const alarms = await countAlarms(shop.service, 'past_due_without_debt');
        tellOfSubscription(shop, subscription.id, { status: 'past_due' });
        await tellAgain(shop, subscription);
        expect(await countAlarms(shop.service, 'past_due_without_debt')).toBe(alarms + 1);
        shop.service.clock.advance(30 * day);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'an invoice sent to the customer is a debt from its due date on',
      basis: bases.sendInvoice,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, {
          collection_method: 'send_invoice',
          days_until_due: 20,
        });
        await expectAccess(shop, userId, pro);
        const { due_date: dueDate } = await openInvoiceOf(shop, subscription);
        const dueAt = (dueDate ?? 0) * 1_000;
        await shop.advanceTo(dueAt + hour);
        await shop.settle();
        const { status } = await shop.stripe.subscriptions.retrieve(subscription.id);
        expect(status).toBe('past_due');
        await expectChangeAt(shop, userId, dueAt + 7 * day, { before: pro });
      },
    },
    {
      title: 'a trial whose first payment fails has a grace period like any other debt',
      basis: bases.trials,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId, { trial_period_days: 7 });
        const owedAt = await fallBehind(shop, subscription);
        expect(owedAt).toBe(required(subscription.trial_end) * 1_000 + hour);
        await expectChangeAt(shop, userId, owedAt + 7 * day, { before: pro });
      },
    },
    {
      title: 'a voided debt was never owed',
      basis: bases.statuses,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        await shop.stripe.invoices.voidInvoice((await openInvoiceOf(shop, subscription)).id);
        await shop.settle();
        await shop.advanceTo(owedAt + 8 * day);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'a subscription canceled while it owes ends with its grace period or at its set end, whichever comes first',
      basis: bases.merging,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        const end = owedAt + 2 * day;
        await shop.stripe.subscriptions.update(subscription.id, { cancel_at: end / 1_000 });
        await shop.settle();
        await expectChangeAt(shop, userId, end, { before: pro });
      },
    },
    {
      title:
        'the end of dunning (`canceled`) ends access permanently, even within the grace period',
      basis: bases.retries,
      status: 'canceled',
      async run(shop, userId) {
        await shop.sandbox.billing.setDunning({ retryDays: [2], then: 'cancel' });
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        await expectAccess(shop, userId, pro);
        await shop.advanceTo(owedAt + 2 * day + hour);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a debtor with a second, paid subscription keeps what the second one gives',
      basis: bases.promises,
      status: 'past_due',
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        const owedAt = await fallBehind(shop, subscription);
        await subscribe(shop, userId, { items: [{ price: shop.prices.team }] });
        await shop.advanceTo(owedAt + 8 * day);
        expect(await shop.entitled(userId)).toMatchObject({ notebooks: 'unlimited' });
      },
    },
  ],
};
