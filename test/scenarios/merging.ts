import { expect } from 'vitest';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, chargeOf, periodEndOf, sell, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { day, expectAccess, expectChangeAt, hour, pass, pro, put } from './steps.ts';

async function admin(shop: Shop, action: 'grant' | 'revoke', body: object): Promise<void> {
  const answer = await shop.service.request('POST', `/admin/${action}`, { key: shop.key, body });
  expect(answer.status).toBeLessThan(300);
}

/** Several sources of one user, and operators' actions on them. */
export const merging: ScenarioGroup = {
  subject: 'Several sources',
  scenarios: [
    {
      title: 'a limit with `merge: sum` is the total of what all subscriptions give',
      basis: bases.merging,
      async run(shop, userId) {
        await put(shop, 'features/credits', { name: 'Credits', type: 'limit', merge: 'sum' });
        const small = await sell(shop, { features: { credits: 100 } });
        const large = await sell(shop, { features: { credits: 500 } });
        const first = await subscribe(shop, userId, {
          items: [{ price: small.price }, { price: large.price }],
        });
        await subscribe(shop, userId, { items: [{ price: small.price }] });
        await expectAccess(shop, userId, { credits: 700 });
        await shop.stripe.subscriptions.cancel(first.id);
        await shop.settle();
        await expectAccess(shop, userId, { credits: 100 });
      },
    },
    {
      title: 'the configuration value with the highest rank counts until it ends',
      basis: bases.merging,
      async run(shop, userId) {
        const high = await sell(shop, { features: { theme: { of: 'high' } }, rank: 9 });
        const low = await sell(shop, { features: { theme: { of: 'low' } }, rank: 1 });
        const { id } = await subscribe(shop, userId, { items: [{ price: high.price }] });
        await subscribe(shop, userId, { items: [{ price: low.price }] });
        await expectAccess(shop, userId, { theme: { of: 'high' } });
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await expectAccess(shop, userId, { theme: { of: 'low' } });
      },
    },
    {
      title: 'a subscription’s end leaves the days of a purchase of the same feature',
      basis: bases.promises,
      async run(shop, userId) {
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        const { id } = await subscribe(shop, userId);
        await expectAccess(shop, userId, pro);
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await expectAccess(shop, userId, pass);
      },
    },
    {
      title: 'nothing from Stripe affects what an operator granted',
      basis: bases.promises,
      async run(shop, userId) {
        await admin(shop, 'grant', {
          user_id: userId,
          feature_code: 'notebooks',
          value: 99,
          reason: 'a friend of the house',
        });
        const { id } = await subscribe(shop, userId);
        await expectAccess(shop, userId, { export: true, notebooks: 99 });
        await shop.stripe.subscriptions.cancel(id);
        await shop.settle();
        await expectAccess(shop, userId, { notebooks: 99 });
      },
    },
    {
      title:
        'a revoked feature stays off through renewals, other features stay on, and later purchases count',
      basis: bases.merging,
      async run(shop, userId) {
        const subscription = await subscribe(shop, userId);
        await admin(shop, 'revoke', { user_id: userId, feature_code: 'export', reason: 'abuse' });
        await expectAccess(shop, userId, { notebooks: 10 });
        await shop.advanceTo(periodEndOf(subscription) + 2 * hour);
        await shop.settle();
        await expectAccess(shop, userId, { notebooks: 10 });
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'a purchase after a plain revocation gives access at once: it does not queue behind the revoked one',
      basis: bases.merging,
      async run(shop, userId) {
        await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await admin(shop, 'revoke', { user_id: userId, feature_code: 'export', reason: 'abuse' });
        await expectAccess(shop, userId, {});
        await shop.advanceTo(shop.service.clock.now() + day);
        const second = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await expectAccess(shop, userId, pass);
        const { created } = await chargeOf(shop, second);
        await expectChangeAt(shop, userId, created * 1_000 + 30 * day, { before: pass });
      },
    },
    {
      title:
        'a purchase made during a suspension waits behind the earlier one when the suspension ends',
      basis: bases.merging,
      async run(shop, userId) {
        const first = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        const end = shop.service.clock.now() + 2 * day;
        await admin(shop, 'revoke', {
          user_id: userId,
          feature_code: 'export',
          valid_to: new Date(end).toISOString(),
          reason: 'a pause',
        });
        await shop.advanceTo(end - day);
        const second = await buyAt(shop, userId, { prices: [shop.prices.pass] });
        await expectAccess(shop, userId, pass);
        const firstAt = (await chargeOf(shop, first)).created * 1_000;
        const used = end - (await chargeOf(shop, second)).created * 1_000;
        await expectChangeAt(shop, userId, firstAt + 60 * day - used, { before: pass });
      },
    },
    {
      title: 'a blocked feature stays off through further purchases, until the block is lifted',
      basis: bases.merging,
      async run(shop, userId) {
        await admin(shop, 'revoke', {
          user_id: userId,
          feature_code: 'export',
          block: true,
          reason: 'abuse',
        });
        await shop.advanceTo(shop.service.clock.now() + hour);
        await subscribe(shop, userId);
        await expectAccess(shop, userId, { notebooks: 10 });
        const { id } = await shop.service.deps.database.prisma.revocation.findFirstOrThrow({
          where: { projectId: shop.projectId, user: { userId } },
        });
        const path = `/admin/revocations/${id}?reason=appeal`;
        expect((await shop.service.request('DELETE', path, { key: shop.key })).status).toBe(200);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a revocation with an end is temporary: what was bought returns after it',
      basis: bases.merging,
      async run(shop, userId) {
        await subscribe(shop, userId);
        const end = shop.service.clock.now() + 2 * day;
        await admin(shop, 'revoke', {
          user_id: userId,
          feature_code: 'export',
          valid_to: new Date(end).toISOString(),
          reason: 'a pause',
        });
        await expectAccess(shop, userId, { notebooks: 10 });
        shop.service.clock.set(end);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'an item of another project’s product gives nothing here, and the other items continue',
      basis: bases.promises,
      async run(shop, userId) {
        const other = await shop.service.createProject(`other-${userId.replace('_', '-')}`);
        const product = await shop.stripe.products.create({
          name: 'theirs',
          metadata: { project_id: other.projectId },
        });
        const { id: price } = await shop.stripe.prices.create({
          product: product.id,
          currency: 'usd',
          unit_amount: 100,
          recurring: { interval: 'month' },
        });
        for (const [path, body] of [
          ['features/theme', { name: 'Theme', type: 'boolean' }],
          [`products/${product.id}`, { features: { theme: true } }],
        ] as const) {
          const { status } = await shop.service.request('PUT', `/admin/${path}`, {
            key: other.key,
            body,
          });
          expect(status).toBe(200);
        }
        await subscribe(shop, userId, { items: [{ price: shop.prices.pro }, { price }] });
        await expectAccess(shop, userId, pro);
      },
    },
  ],
};
