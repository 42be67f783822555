import { expect } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import { buyAt, chargeOf, payAt, sell } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import {
  accessAt,
  day,
  expectAccess,
  expectChangeAt,
  forever,
  hour,
  idOf,
  pass,
  pro,
  withPolicy,
} from './steps.ts';
import { post, tellOfRefunds } from './telling.ts';

/** Refunds, and what they end. */
export const refunds: ScenarioGroup = {
  subject: 'Refunds',
  scenarios: [
    {
      title: 'a full refund ends the purchase when it is made, not before',
      basis: bases.refunds,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        await shop.advanceTo(shop.service.clock.now() + day);
        const refundedAt = shop.service.clock.now();
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        await shop.settle();
        await expectAccess(shop, userId, {});
        expect(await accessAt(shop, userId, refundedAt - 1_000)).toEqual(forever);
      },
    },
    {
      title: 'a full refund keeps access if the policy says so',
      basis: bases.merging,
      run: (shop, userId) =>
        withPolicy(shop, { refund_full: 'keep' }, async () => {
          const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
          await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
          await shop.settle();
          await expectAccess(shop, userId, forever);
        }),
    },
    {
      title: 'a partial refund changes nothing, unless the policy says that it revokes',
      basis: bases.merging,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id, 300);
        await shop.settle();
        await expectAccess(shop, userId, forever);
        await withPolicy(shop, { refund_partial: 'revoke' }, () => expectAccess(shop, userId, {}));
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'if the policy revokes for partial refunds and keeps for full ones, completing a refund restores nothing',
      basis: bases.merging,
      run: (shop, userId) =>
        withPolicy(shop, { refund_partial: 'revoke', refund_full: 'keep' }, async () => {
          const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
          const { id } = await chargeOf(shop, session);
          for (const amount of [300, 700]) {
            await shop.sandbox.billing.refund(id, amount);
            await shop.settle();
            await expectAccess(shop, userId, {});
          }
        }),
    },
    {
      title: 'an unknown status leaves a refund’s effect unchanged and raises an alarm',
      basis: bases.traps,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        const alarms = await countAlarms(shop.service, 'unknown_status');
        const refund = await shop.sandbox.billing.refund(id);
        for (const [status, expected] of [
          ['on_the_moon', forever],
          ['succeeded', {}],
          ['on_the_moon', {}],
          ['failed', forever],
        ] as const) {
          tellOfRefunds(shop, id, { status });
          await post(shop, { type: 'refund.updated', object: { id: refund, charge: id } });
          await expectAccess(shop, userId, expected);
        }
        expect(await countAlarms(shop.service, 'unknown_status')).toBe(alarms + 2);
      },
    },
    {
      title: 'a refund that names no payment intent is found by its charge',
      basis: bases.refunds,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        tellOfRefunds(shop, id, { payment_intent: null });
        await shop.sandbox.billing.refund(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'partial refunds that add up to the whole are a full one',
      basis: bases.refunds,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        for (const amount of [300, 300, 399]) await shop.sandbox.billing.refund(id, amount);
        await shop.settle();
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.refund(id, 1);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'all refunds of a charge with more than ten of them are counted',
      basis: bases.pagination,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        for (let count = 0; count < 12; count += 1) await shop.sandbox.billing.refund(id, 80);
        await shop.settle();
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.refund(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a `pending` refund counts as a completed one',
      basis: bases.refunds,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        const refund = await shop.sandbox.billing.refund(id, 1_000, { pending: true });
        await shop.settle();
        await expectAccess(shop, userId, {});
        await shop.sandbox.billing.settleRefund(refund);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'a pending refund that fails restores access',
      basis: bases.refundFailures,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        const refund = await shop.sandbox.billing.refund(id, 1_000, { pending: true });
        await shop.settle();
        await expectAccess(shop, userId, {});
        await shop.sandbox.billing.failRefund(refund);
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'a refund that fails later restores access',
      basis: bases.refundFailures,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const refund = await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        await shop.settle();
        await expectAccess(shop, userId, {});
        await shop.sandbox.billing.failRefund(refund);
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'a refund that arrives before the checkout’s completion still counts: the charge is fetched',
      basis: bases.eventOrder,
      async run(shop, userId) {
        const session = await payAt(shop, userId, { prices: [shop.prices.forever] });
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        expect(session.payment_status).toBe('paid');
        await shop.sandbox.deliver(['charge.*', 'refund.*']);
        await shop.service.runWorker();
        await expectAccess(shop, userId, {});
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a refund in payment mode is of the whole payment: it ends every line once it reaches the total',
      basis: bases.refunds,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          prices: [shop.prices.forever, shop.prices.pass],
        });
        const { id } = await chargeOf(shop, session);
        await shop.sandbox.billing.refund(id, 1_000);
        await shop.settle();
        await expectAccess(shop, userId, { ...forever, ...pass });
        await shop.sandbox.billing.refund(id, 1_000);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'with `invoice_creation`, the invoice is only a receipt: a partial refund keeps all lines',
      basis: bases.receipts,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        const session = await buyAt(shop, userId, {
          customer,
          prices: [shop.prices.forever, shop.prices.pass],
          invoice_creation: { enabled: true },
        });
        expect(session.invoice).not.toBeNull();
        const { id } = await chargeOf(shop, session);
        await shop.sandbox.billing.refund(id, 1_500);
        await shop.settle();
        await expectAccess(shop, userId, { ...forever, ...pass });
        await shop.sandbox.billing.refund(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a refund of a one-time line’s amount on a subscription’s first invoice ends that line, and the subscription continues',
      basis: bases.merging,
      async run(shop, userId) {
        const extra = await sell(shop, {
          features: { theme: { dark: 'extra' } },
          price: { unit_amount: 700 },
        });
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, extra.price],
        });
        await expectAccess(shop, userId, { ...pro, theme: { dark: 'extra' } });
        const { id } = await chargeOf(shop, session);
        await shop.sandbox.billing.refund(id, 699);
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, theme: { dark: 'extra' } });
        await shop.sandbox.billing.refund(id, 1);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a refund of a subscription’s payment alone changes nothing: the status decides',
      basis: bases.merging,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro],
        });
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
        await shop.stripe.subscriptions.cancel(idOf(session.subscription));
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a refund takes out its own window, and the purchase behind it moves up, never into the past',
      basis: bases.merging,
      async run(shop, userId) {
        const first = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.advanceTo(shop.service.clock.now() + day);
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.advanceTo(shop.service.clock.now() + day);
        const refundedAt = Math.floor(shop.service.clock.now() / 1_000) * 1_000;
        await shop.sandbox.billing.refund((await chargeOf(shop, first)).id);
        await shop.settle();
        await expectAccess(shop, userId, pass);
        await expectChangeAt(shop, userId, refundedAt + 30 * day, { before: pass });
      },
    },
    {
      title: 'a refund of a queued purchase removes its days, and none of the purchase in front',
      basis: bases.merging,
      async run(shop, userId) {
        const first = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.advanceTo(shop.service.clock.now() + day);
        const second = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.sandbox.billing.refund((await chargeOf(shop, second)).id);
        await shop.settle();
        const { created } = await chargeOf(shop, first);
        await expectChangeAt(shop, userId, created * 1_000 + 30 * day, { before: pass });
      },
    },
    {
      title:
        'a refund of one purchase leaves another purchase, and a subscription, of the same feature',
      basis: bases.promises,
      async run(shop, userId) {
        const first = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await buyAt(shop, userId, { mode: 'subscription', prices: [shop.prices.pro] });
        await shop.advanceTo(shop.service.clock.now() + hour);
        await shop.sandbox.billing.refund((await chargeOf(shop, first)).id);
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a manual grant outlives every refund',
      basis: bases.promises,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.service.request('POST', '/admin/grant', {
          key: shop.key,
          body: { user_id: userId, feature_code: 'export', reason: 'goodwill' },
        });
        await shop.sandbox.billing.refund((await chargeOf(shop, session)).id);
        await shop.settle();
        await expectAccess(shop, userId, { export: true });
      },
    },
  ],
};
