import { expect } from 'vitest';
import { buyAt, chargeOf, payAt, sell } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import {
  day,
  expectAccess,
  expectChangeAt,
  forever,
  idOf,
  ownedBy,
  pass,
  pro,
  put,
} from './steps.ts';

/** One-time purchases, and their windows. */
export const purchases: ScenarioGroup = {
  subject: 'Purchases',
  scenarios: [
    {
      title:
        'a complete and paid session gives what its price carries, permanently if no days are set',
      basis: bases.fulfillment,
      async run(shop, userId) {
        await buyAt(shop, userId, { prices: [shop.prices.forever] });
        await shop.advanceTo(shop.service.clock.now() + 1_000 * day);
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'a session with nothing to pay (`no_payment_required`) is a purchase too',
      basis: bases.session,
      async run(shop, userId) {
        const { id: coupon } = await shop.stripe.coupons.create({ percent_off: 100 });
        const session = await buyAt(shop, userId, {
          prices: [shop.prices.forever],
          discounts: [{ coupon }],
        });
        expect(session.payment_status).toBe('no_payment_required');
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'an abandoned session, or one whose card is declined, gives nothing, also when it expires',
      basis: bases.session,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          prices: [shop.prices.forever],
          card: 'declined',
        });
        expect(session.status).toBe('open');
        await expectAccess(shop, userId, {});
        await shop.advanceTo(shop.service.clock.now() + 2 * day);
        await shop.settle();
        expect((await shop.stripe.checkout.sessions.retrieve(session.id)).status).toBe('expired');
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'every line of a session is a purchase of its own',
      basis: bases.session,
      async run(shop, userId) {
        await buyAt(shop, userId, { prices: [shop.prices.forever, shop.prices.pass] });
        await expectAccess(shop, userId, { ...forever, ...pass });
      },
    },
    {
      title: 'all lines of a session with more than ten of them are purchases',
      basis: bases.pagination,
      async run(shop, userId) {
        const { product } = await sell(shop, { features: {}, price: {} });
        const prices: string[] = [];
        for (let count = 0; count < 14; count += 1) {
          const { id } = await shop.stripe.prices.create({
            product,
            currency: 'usd',
            unit_amount: 100 + count,
          });
          prices.push(id);
        }
        await buyAt(shop, userId, { prices: [...prices, shop.prices.forever] });
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'a one-time line in a subscription’s checkout is a purchase that outlives the subscription',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, shop.prices.forever],
        });
        await expectAccess(shop, userId, { ...pro, ...forever });
        await shop.stripe.subscriptions.cancel(idOf(session.subscription));
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'a checkout that only sets up a payment method gives nothing',
      basis: bases.session,
      async run(shop, userId) {
        const { id: customer } = await shop.stripe.customers.create();
        const { id } = await shop.stripe.checkout.sessions.create({
          mode: 'setup',
          currency: 'usd',
          customer,
          metadata: ownedBy(shop, userId),
          success_url: 'https://notes.example',
        });
        await shop.sandbox.buyer.pay(id);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'with `access_days`, a purchase lasts that long from its charge on, to the millisecond',
      basis: bases.merging,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        const { created } = await chargeOf(shop, session);
        await expectChangeAt(shop, userId, created * 1_000 + 30 * day, { before: pass });
      },
    },
    {
      title: 'repeated purchases of one price follow one another',
      basis: bases.merging,
      async run(shop, userId) {
        const first = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.advanceTo(shop.service.clock.now() + 10 * day);
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        const { created } = await chargeOf(shop, first);
        await expectChangeAt(shop, userId, created * 1_000 + 60 * day, { before: pass });
      },
    },
    {
      title: 'a purchase made after the last one of its price has ended begins when it is paid',
      basis: bases.merging,
      async run(shop, userId) {
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await shop.advanceTo(shop.service.clock.now() + 40 * day);
        await expectAccess(shop, userId, {});
        const second = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        const { created } = await chargeOf(shop, second);
        await expectChangeAt(shop, userId, created * 1_000 + 30 * day, { before: pass });
      },
    },
    {
      title: 'purchases of different prices run side by side',
      basis: bases.merging,
      async run(shop, userId) {
        const other = await sell(shop, { features: { export: true }, accessDays: 20, price: {} });
        const session = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await buyAt(shop, userId, { prices: [other.price] });
        const { created } = await chargeOf(shop, session);
        await expectChangeAt(shop, userId, created * 1_000 + 30 * day, { before: pass });
      },
    },
    {
      title: 'a quantity multiplies what is `per_quantity`, never the days',
      basis: bases.merging,
      async run(shop, userId) {
        await put(shop, 'features/seats', { name: 'Seats', type: 'limit', per_quantity: true });
        const { price } = await sell(shop, { features: { seats: 2 }, accessDays: 10, price: {} });
        const session = await buyAt(shop, userId, { line_items: [{ price, quantity: 3 }] });
        const { created } = await chargeOf(shop, session);
        await expectChangeAt(shop, userId, created * 1_000 + 10 * day, { before: { seats: 6 } });
      },
    },
    {
      title: 'days that an operator sets later apply to existing purchases',
      basis: bases.merging,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true }, price: {} });
        const session = await buyAt(shop, userId, { prices: [price] });
        const { created } = await chargeOf(shop, session);
        await put(shop, `prices/${price}`, { access_days: 5 });
        await expectChangeAt(shop, userId, created * 1_000 + 5 * day, { before: { export: true } });
      },
    },
    {
      title: 'the success page shows the purchase before any webhook arrives',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const id = await shop.buy(userId, 'forever');
        await shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key });
        await expectAccess(shop, userId, forever);
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'the success page shows the subscription before any webhook arrives',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const id = await shop.buy(userId, 'pro');
        await shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'the price that was paid decides, not the session’s metadata',
      basis: bases.metadata,
      async run(shop, userId) {
        await payAt(shop, userId, {
          prices: [shop.prices.pass],
          metadata: { ...ownedBy(shop, userId), price_id: shop.prices.team, features: 'theme' },
        });
        await shop.settle();
        await expectAccess(shop, userId, pass);
      },
    },
  ],
};
