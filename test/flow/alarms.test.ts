import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Shop, startShop } from '../helpers/shop.ts';

/* Alarms are counted for operators, and never end access. */

let shop: Shop;
let userId = '';
let counter = 0;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());
beforeEach(() => {
  counter += 1;
  userId = `u_${counter}`;
});

async function counted(metric: string): Promise<number> {
  const text = await shop.service.deps.metrics.registry.metrics();
  const line = text.split('\n').find((each) => each.startsWith(metric));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe('a price that no project knows', () => {
  it('is recorded and counted, gives nothing, and applies to its buyers once it is mapped', async () => {
    const { service, stripe } = shop;
    const product = await stripe.products.create({ name: 'new' });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 500,
    });
    const { id } = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'https://elsewhere.example',
      metadata: { project_id: 'notes', user_id: userId },
    });
    await shop.sandbox.buyer.pay(id);
    const before = await counted('latchkey_unmapped_prices_total{known_user="true"}');
    await shop.settle();
    expect(await counted('latchkey_unmapped_prices_total{known_user="true"}')).toBe(before + 1);
    expect(await shop.entitled(userId)).toEqual({});
    const mapped = await service.request('PUT', `/admin/products/${product.id}`, {
      key: service.adminKey,
      body: { project_id: 'notes', features: { export: true } },
    });
    expect(mapped.status).toBe(200);
    expect(await shop.entitled(userId)).toEqual({ export: true });
  });
});

describe("Stripe's own summary of entitlements", () => {
  const differs = 'latchkey_alarms_total{kind="stripe_entitlement_differs"}';

  async function attach(code: string, price: 'pro'): Promise<void> {
    const { product } = await shop.stripe.prices.retrieve(shop.prices[price]);
    const feature = await shop.stripe.entitlements.features.create({
      name: code,
      lookup_key: code,
    });
    await shop.stripe.products.createFeature(typeof product === 'string' ? product : product.id, {
      entitlement_feature: feature.id,
    });
  }

  it('is compared: what it gives and we do not raises an alarm, and changes nothing', async () => {
    await attach('export', 'pro');
    await attach('theme', 'pro');
    await attach('unheard_of', 'pro');
    const before = await counted(differs);
    await shop.buy(userId, 'pro');
    await shop.settle();
    // `pro` carries `export` here too; `theme` only at Stripe; the last is no feature of the project.
    expect(await counted(differs)).toBe(before + 1);
    expect(await shop.entitled(userId)).toEqual({ export: true, notebooks: 10 });
  });
});
