import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { subscribe } from '../scenarios/buying.ts';
import { expectAccess, pro } from '../scenarios/steps.ts';

/* What only reports need: it is kept whole, and nothing about it keeps anybody from what they paid for. */

vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterEach(() => {
  vi.restoreAllMocks();
  shop.sandbox.faults.clear();
});
afterAll(() => shop.close());

/** What Stripe answers to the service about a subscription goes through `change`. */
function changeSubscriptions(change: (found: Stripe.Subscription, expand: string[]) => void): void {
  const { subscriptions } = shop.service.deps.stripe;
  const retrieve = subscriptions.retrieve.bind(subscriptions);
  vi.spyOn(subscriptions, 'retrieve').mockImplementation(async (id, params) => {
    const found = await retrieve(id, params);
    change(found, params?.expand ?? []);
    return found;
  });
}

async function aCoupon(): Promise<string> {
  const { id } = await shop.stripe.coupons.create({ percent_off: 20, duration: 'forever' });
  return id;
}

describe('the sync of a subscription', () => {
  it('does not fail where a discount is on several objects', async () => {
    const discounts = [{ coupon: await aCoupon() }];
    changeSubscriptions((found) => {
      const [shared] = found.discounts;
      if (typeof shared !== 'object') throw new Error('not expanded');
      shared.id = 'di_shared';
      found.discounts.push(shared);
      for (const item of found.items.data) item.discounts = [shared];
    });
    for (const userId of ['ann', 'bob']) {
      await subscribe(shop, userId, { discounts });
      await expectAccess(shop, userId, pro);
    }
    expect(
      (await reconcile(shop.service, { projectId: shop.projectId, userId: 'ann' })).findings,
    ).toEqual([]);
  });

  it('does not fail where a coupon is odd', async () => {
    const discounts = [{ coupon: await aCoupon() }];
    changeSubscriptions((found) => {
      const [discount] = found.discounts;
      if (typeof discount !== 'object' || typeof discount.source.coupon !== 'object') return;
      Object.assign(discount.source.coupon ?? {}, { amount_off: 0.5, percent_off: 20 });
    });
    await subscribe(shop, 'odd', { discounts });
    await expectAccess(shop, 'odd', pro);
  });

  it('does not fail where a coupon cannot be fetched', async () => {
    const discounts = [{ coupon: await aCoupon() }];
    changeSubscriptions((found) => {
      const [discount] = found.discounts;
      if (typeof discount === 'object') discount.source.coupon = 'coupon_away';
    });
    shop.sandbox.faults.api({ path: /coupons/, status: 500 });
    await subscribe(shop, 'away', { discounts });
    await expectAccess(shop, 'away', pro);
  });

  it('does not fail where the key may not read coupons', async () => {
    changeSubscriptions((_, expand) => {
      if (!expand.includes('discounts.source.coupon')) return;
      throw new Stripe.errors.StripePermissionError({ type: 'invalid_request_error' });
    });
    await subscribe(shop, 'cat', { discounts: [{ coupon: await aCoupon() }] });
    await expectAccess(shop, 'cat', pro);
  });
});

const tiers = [
  {
    up_to: null,
    unit_amount: 700,
    unit_amount_decimal: null,
    flat_amount: null,
    flat_amount_decimal: null,
  },
];
const stored = { unitAmount: null, tiers: [{ upTo: null, unitAmount: '700', flatAmount: null }] };

/** A price with tiers in two currencies, which Stripe shows only where each is asked for by its name. */
function sellInTiers(id: string): void {
  const { prices } = shop.service.deps.stripe;
  const tier = (price: Stripe.Price, expand: readonly string[]): Stripe.Price => {
    if (price.id !== id) return price;
    const option = (currency: string) => ({
      unit_amount: null,
      unit_amount_decimal: null,
      ...(expand.includes(`currency_options.${currency}.tiers`) ? { tiers } : {}),
    });
    const options = { usd: option('usd'), eur: option('eur') };
    const asked = expand.includes('tiers') ? { tiers } : {};
    const own = { tiers_mode: 'volume', unit_amount: null, unit_amount_decimal: null };
    return Object.assign(price, own, asked, { currency_options: options });
  };
  const retrieve = prices.retrieve.bind(prices);
  vi.spyOn(prices, 'retrieve').mockImplementation(async (asked, params) => {
    const found = await retrieve(asked, { expand: ['currency_options'] });
    return Object.assign(found, tier(found, params?.expand ?? []));
  });
  const list = prices.list.bind(prices);
  vi.spyOn(prices, 'list').mockImplementation((params) => {
    const page = list(params);
    // Registered first, so this runs before whatever awaits the page.
    void page.then(
      ({ data }) => {
        for (const price of data) tier(price, []);
      },
      () => undefined,
    );
    return page;
  });
}

describe('a price that a reconciliation corrects', () => {
  const loadPrice = () =>
    shop.service.deps.database.prisma.price.findUniqueOrThrow({ where: { id: shop.prices.team } });
  const set = (data: { nickname?: string; currencyOptions?: object }) =>
    shop.service.deps.database.prisma.price.update({ where: { id: shop.prices.team }, data });

  async function findingsOfPrices(): Promise<string[]> {
    const { findings } = await reconcile(shop.service, { projectId: shop.projectId });
    return findings.filter((finding) => finding.includes(' price '));
  }

  it('keeps its tiers in every currency, and gets those of a currency that was missed', async () => {
    sellInTiers(shop.prices.team);
    await syncObject(shop.service.deps, { objectType: 'price', objectId: shop.prices.team });
    expect((await loadPrice()).currencyOptions).toEqual({ eur: stored });
    for (const wrong of [{ nickname: 'edited' }, { currencyOptions: {} }]) {
      await set(wrong);
      expect(await findingsOfPrices()).toEqual(['catalog_mismatch price fixed']);
      expect(await loadPrice()).toMatchObject({ nickname: null, currencyOptions: { eur: stored } });
    }
    expect(await findingsOfPrices()).toEqual([]);
  });
});
