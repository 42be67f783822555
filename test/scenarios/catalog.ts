import { expect } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import { text } from '../helpers/json.ts';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, itemOf, sell, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { expectAccess, forever, idOf, pro, put, required } from './steps.ts';
import { forgetPrices, post } from './telling.ts';

async function importFromStripe(shop: Shop): Promise<void> {
  const { status } = await shop.service.request('POST', '/admin/catalog/import', {
    key: shop.key,
    body: {},
  });
  expect(status).toBe(200);
}

async function pricesOnSale(shop: Shop): Promise<string> {
  const { body } = await shop.service.request('GET', '/catalog', { key: shop.key });
  return JSON.stringify(body);
}

/** Returns why no checkout is opened. */
async function checkoutOf(shop: Shop, userId: string, price: string): Promise<string> {
  const { body } = await shop.service.request('POST', '/checkout/sessions', {
    key: shop.key,
    body: {
      user_id: userId,
      price_id: price,
      success_url: 'https://notes.example/welcome',
      cancel_url: 'https://notes.example/pricing',
    },
  });
  return text(body, 'code');
}

/** The catalog, at Stripe and as the project maps it. */
export const catalog: ScenarioGroup = {
  subject: 'Catalog',
  scenarios: [
    {
      title:
        'a new price of a product that the project has gives what the product carries, without further set-up',
      basis: bases.prices,
      async run(shop, userId) {
        const { product } = await shop.stripe.prices.retrieve(shop.prices.pro);
        const { id: price } = await shop.stripe.prices.create({
          product: idOf(product),
          currency: 'usd',
          unit_amount: 9_900,
          recurring: { interval: 'year' },
        });
        await subscribe(shop, userId, { items: [{ price }] });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a price in another currency carries what its product carries',
      basis: bases.currencies,
      async run(shop, userId) {
        const { product } = await shop.stripe.prices.retrieve(shop.prices.forever);
        const { id: price } = await shop.stripe.prices.create({
          product: idOf(product),
          currency: 'jpy',
          unit_amount: 1_500,
        });
        await buyAt(shop, userId, { prices: [price] });
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'one price with several currencies (`currency_options`) gives the same in each of them',
      basis: bases.currencies,
      async run(shop, userId) {
        const { price } = await sell(shop, {
          features: { export: true },
          price: {
            recurring: { interval: 'month' },
            currency_options: { eur: { unit_amount: 900 } },
          },
        });
        const { currency } = await subscribe(shop, userId, { items: [{ price }], currency: 'eur' });
        expect(currency).toBe('eur');
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'a price’s own value overrides its product’s',
      basis: bases.merging,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true, notebooks: 3 } });
        await put(shop, `prices/${price}`, { features: { notebooks: 30 } });
        await subscribe(shop, userId, { items: [{ price }] });
        await expectAccess(shop, userId, { export: true, notebooks: 30 });
      },
    },
    {
      title: 'an archived price is no longer sold, and its buyers keep what they have',
      basis: bases.prices,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        expect(await pricesOnSale(shop)).toContain(price);
        await shop.stripe.prices.update(price, { active: false });
        await shop.settle();
        expect(await pricesOnSale(shop)).not.toContain(price);
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'an archived product is no longer sold, and its buyers keep what they have',
      basis: bases.prices,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        await shop.stripe.products.update(product, { active: false });
        await shop.settle();
        expect(await pricesOnSale(shop)).not.toContain(price);
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'a product that Stripe reports as deleted is no longer shown, without an alarm',
      basis: bases.deletion,
      async run(shop, userId) {
        const { id } = await shop.stripe.products.create({
          name: 'mistake',
          metadata: { project_id: shop.projectId },
        });
        await put(shop, `products/${id}`, { features: { export: true } });
        await subscribe(shop, userId);
        expect(await pricesOnSale(shop)).toContain(id);
        const alarms = await countAlarms(shop.service, 'object_missing');
        await shop.stripe.products.del(id);
        await shop.settle();
        expect(await pricesOnSale(shop)).not.toContain(id);
        expect(await countAlarms(shop.service, 'object_missing')).toBe(alarms);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title:
        'a price that Stripe reports as deleted is no longer sold, and its buyers keep what they have',
      basis: bases.promises,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        forgetPrices(shop);
        await post(shop, { type: 'price.deleted', object: { id: price, object: 'price' } });
        expect(await pricesOnSale(shop)).not.toContain(price);
        expect(await checkoutOf(shop, userId, price)).toBe('price_inactive');
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title:
        'a price that Stripe does not know, without an event that it was deleted, raises an alarm and stays for sale',
      basis: bases.promises,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        const alarms = await countAlarms(shop.service, 'object_missing');
        forgetPrices(shop);
        await post(shop, { type: 'price.updated', object: { id: price, object: 'price' } });
        expect(await countAlarms(shop.service, 'object_missing')).toBe(alarms + 1);
        expect(await pricesOnSale(shop)).toContain(price);
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'a price that an event reports as deleted and Stripe still knows stays for sale',
      basis: bases.promises,
      async run(shop, userId) {
        const { price } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        await post(shop, { type: 'price.deleted', object: { id: price, object: 'price' } });
        expect(await pricesOnSale(shop)).toContain(price);
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'a new name or new metadata at Stripe do not change the mapping',
      basis: bases.promises,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: { export: true } });
        await subscribe(shop, userId, { items: [{ price }] });
        await shop.stripe.products.update(product, {
          name: 'renamed',
          metadata: { project_id: 'somebody_else', feature_codes: 'notebooks=99' },
        });
        await shop.settle();
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title: 'an import adopts features attached to a product at Stripe, also for earlier buyers',
      basis: bases.entitlements,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: {} });
        await subscribe(shop, userId, { items: [{ price }] });
        const feature = await shop.stripe.entitlements.features.create({
          name: 'Priority support',
          lookup_key: 'support',
        });
        await shop.stripe.products.createFeature(product, { entitlement_feature: feature.id });
        await shop.settle();
        await expectAccess(shop, userId, {});
        await importFromStripe(shop);
        await expectAccess(shop, userId, { support: true });
      },
    },
    {
      title:
        'an import does not remove a feature that was detached at Stripe: only an operator does',
      basis: bases.promises,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: {} });
        const feature = await shop.stripe.entitlements.features.create({
          name: 'Backups',
          lookup_key: 'backups',
        });
        const attached = await shop.stripe.products.createFeature(product, {
          entitlement_feature: feature.id,
        });
        await importFromStripe(shop);
        await subscribe(shop, userId, { items: [{ price }] });
        await shop.stripe.products.deleteFeature(product, attached.id);
        await importFromStripe(shop);
        await expectAccess(shop, userId, { backups: true });
      },
    },
    {
      title:
        'a price of no project gives nothing; once it is mapped, what it carries counts from the start',
      basis: bases.promises,
      async run(shop, userId) {
        const product = await shop.stripe.products.create({
          name: 'new',
          metadata: { project_id: shop.projectId },
        });
        const { id: price } = await shop.stripe.prices.create({
          product: product.id,
          currency: 'usd',
          unit_amount: 500,
        });
        await buyAt(shop, userId, { prices: [price] });
        await expectAccess(shop, userId, {});
        await put(shop, `products/${product.id}`, { features: { export: true } });
        await expectAccess(shop, userId, { export: true });
      },
    },
    {
      title:
        'an item moved to a price of another product gives what the other product carries, and nothing else',
      basis: bases.change,
      async run(shop, userId) {
        const other = await sell(shop, { features: { theme: { dark: 'other' } } });
        const subscription = await subscribe(shop, userId);
        await shop.stripe.subscriptionItems.update(itemOf(subscription), { price: other.price });
        await shop.settle();
        await expectAccess(shop, userId, { theme: { dark: 'other' } });
      },
    },
    {
      title: 'a changed mapping of a product applies to all of its buyers at once',
      basis: bases.merging,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: { notebooks: 5 } });
        await subscribe(shop, userId, { items: [{ price }] });
        await put(shop, `products/${product}`, { features: { notebooks: 50 } });
        await expectAccess(shop, userId, { notebooks: 50 });
      },
    },
    {
      title: 'a summary of Stripe’s own entitlements is compared, but gives and takes nothing',
      basis: bases.entitlements,
      async run(shop, userId) {
        const { price, product } = await sell(shop, { features: {} });
        const feature = await shop.stripe.entitlements.features.create({
          name: 'Theme',
          lookup_key: 'theme',
        });
        await shop.stripe.products.createFeature(product, { entitlement_feature: feature.id });
        const subscription = await subscribe(shop, userId, { items: [{ price }] });
        const { data } = await shop.stripe.entitlements.activeEntitlements.list({
          customer: text(subscription, 'customer'),
        });
        expect(required(data[0]).lookup_key).toBe('theme');
        await expectAccess(shop, userId, {});
      },
    },
  ],
};
