import { expect } from 'vitest';
import type { Card } from '../../src/sandbox/checkout/session-payment.ts';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, sell } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { day, expectAccess, expectChangeAt, forever, pass, pro } from './steps.ts';

/** Buys by a slow method, and expects that the days run from the arrival, three days later. */
async function expectDaysFromArrival(
  shop: Shop,
  userId: string,
  card: Card,
  { price, days }: { price: string; days: number } = { price: shop.prices.pass, days: 30 },
): Promise<void> {
  await buyAt(shop, userId, { prices: [price], card });
  const arrivesAt = shop.service.clock.now() + 3 * day;
  await shop.advanceTo(arrivesAt + day);
  await shop.settle();
  await expectChangeAt(shop, userId, arrivesAt + days * day, { before: pass });
}

/** Bank debits, vouchers and the like: the money arrives days after the checkout, or never. */
export const slowMoney: ScenarioGroup = {
  subject: 'Purchases: money that takes days',
  scenarios: [
    {
      title: 'a complete but unpaid session gives nothing until the money arrives',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          prices: [shop.prices.forever],
          card: 'async_success',
        });
        expect([session.status, session.payment_status]).toEqual(['complete', 'unpaid']);
        await expectAccess(shop, userId, {});
        await shop.sandbox.buyer.settleAsync(session.id, true);
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'a session whose money does not arrive gives nothing',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          prices: [shop.prices.forever],
          card: 'async_failure',
        });
        await shop.sandbox.buyer.settleAsync(session.id, false);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a one-time line in a subscription’s checkout that is paid slowly counts when the money arrives',
      basis: bases.fulfillment,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, shop.prices.forever],
          card: 'async_success',
        });
        await expectAccess(shop, userId, pro);
        await shop.sandbox.buyer.settleAsync(session.id, true);
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, ...forever });
      },
    },
    {
      title:
        'days begin when the slow money arrives, not when its charge was submitted and the session completed',
      basis: bases.debits,
      run: (shop, userId) => expectDaysFromArrival(shop, userId, 'async_success'),
    },
    {
      title:
        'days begin when slow money arrives, also if Stripe books it on arrival and not on submission',
      basis: bases.debits,
      run: (shop, userId) => expectDaysFromArrival(shop, userId, 'async_booked_late'),
    },
    {
      title: 'slow money that arrives after all its days would have passed still gives all of them',
      basis: bases.debits,
      async run(shop, userId) {
        const short = await sell(shop, { features: { export: true }, accessDays: 2, price: {} });
        await expectDaysFromArrival(shop, userId, 'async_success', { ...short, days: 2 });
      },
    },
  ],
};
