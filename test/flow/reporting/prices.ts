import type { Prisma } from '../../../src/generated/prisma/client.ts';
import type { Database } from '../../../src/platform/database.ts';
import { yearStart } from './calendar.ts';

/** Prices of every kind; each belongs to a product of its own. */
export const kinds: Record<
  string,
  Omit<Prisma.PriceCreateManyInput, 'id' | 'productId' | 'active' | 'type'>
> = {
  month: {
    currency: 'usd',
    unitAmount: 1_000n,
    unitAmountDecimal: '1000',
    interval: 'month',
    intervalCount: 1,
  },
  year: {
    currency: 'usd',
    unitAmount: 9_999n,
    unitAmountDecimal: '9999',
    interval: 'year',
    intervalCount: 1,
  },
  quarter: { currency: 'usd', unitAmount: 3_100n, interval: 'month', intervalCount: 3 },
  week: {
    currency: 'eur',
    unitAmount: 701n,
    unitAmountDecimal: '701',
    interval: 'week',
    intervalCount: 1,
  },
  fortnight: { currency: 'eur', unitAmount: 1_303n, interval: 'week', intervalCount: 2 },
  day: {
    currency: 'jpy',
    unitAmount: 101n,
    unitAmountDecimal: '101',
    interval: 'day',
    intervalCount: 1,
  },
  yen: { currency: 'jpy', unitAmount: 1_000n, interval: 'year', intervalCount: 1 },
  dinar: { currency: 'kwd', unitAmount: 5_125n, interval: 'month', intervalCount: 2 },
  fraction: { currency: 'usd', unitAmountDecimal: '1.0375', interval: 'month', intervalCount: 1 },
  pack: {
    currency: 'usd',
    unitAmount: 2_000n,
    interval: 'month',
    intervalCount: 1,
    divideQuantityBy: 5,
    roundQuantity: 'up',
  },
  down: {
    currency: 'usd',
    unitAmount: 2_100n,
    interval: 'month',
    intervalCount: 1,
    divideQuantityBy: 4,
    roundQuantity: 'down',
  },
  volume: {
    currency: 'usd',
    interval: 'month',
    intervalCount: 1,
    tiersMode: 'volume',
    tiers: tiers(''),
  },
  graduated: {
    currency: 'usd',
    interval: 'year',
    intervalCount: 2,
    tiersMode: 'graduated',
    tiers: tiers('.35'),
  },
  unfetched: { currency: 'usd', interval: 'month', intervalCount: 1, tiersMode: 'graduated' },
  metered: {
    currency: 'usd',
    unitAmount: 7n,
    interval: 'month',
    intervalCount: 1,
    usageType: 'metered',
  },
  everywhere: {
    currency: 'usd',
    unitAmount: 1_500n,
    interval: 'month',
    intervalCount: 1,
    currencyOptions: { eur: { unitAmount: '1399.5', tiers: null } },
  },
};

function tiers(decimals: string) {
  return [
    { upTo: 5, unitAmount: `500${decimals}`, flatAmount: null },
    { upTo: 12, unitAmount: `400${decimals}`, flatAmount: '150' },
    { upTo: null, unitAmount: `300${decimals}`, flatAmount: '90.5' },
  ];
}

/** Those that a subscription in the currency can have. */
export function kindsIn(currency: string): string[] {
  return Object.entries(kinds)
    .filter(
      ([name, kind]) => kind.currency === currency || (name === 'everywhere' && currency === 'eur'),
    )
    .map(([name]) => name);
}

export async function writePrices({ prisma }: Database): Promise<void> {
  for (const [name, kind] of Object.entries(kinds)) {
    // One in four kinds is sold by a product that nobody took.
    const owner = ['alpha', 'beta', 'alpha', null][Object.keys(kinds).indexOf(name) % 4] ?? null;
    const product = { id: `prod_${name}`, projectId: owner, name, active: true };
    await prisma.product.create({
      data: { ...product, takenAt: owner === null ? null : new Date(yearStart) },
    });
    const price = { id: `price_${name}`, productId: product.id, active: true, type: 'recurring' };
    await prisma.price.create({ data: { ...price, ...kind } });
  }
}
