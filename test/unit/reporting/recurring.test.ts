import { describe, expect, it } from 'vitest';
import { type AlikeSubscriptions, computeStanding } from '../../../src/reporting/core/figures.ts';
import type { Pricing, RecurringDiscount, Tier } from '../../../src/reporting/core/recurring.ts';
import { exampleTable } from './document.ts';

/* MRR, held to the examples of docs/reports.md that were worked out by hand. */

interface Given {
  /** Amounts by currency, or one of the subscription's currency. */
  unit?: string;
  amounts?: Record<string, string>;
  tiers?: { mode: string; list: Tier[] };
  every?: [number, string];
  quantity?: number | null;
  pack?: [number, string];
  usage?: string;
}

interface Case {
  currency?: string;
  items: Given[];
  discounts?: RecurringDiscount[];
  count?: number;
}

const month: Given = { unit: '1000' };
const tenThenBeyond = (flatAmount: string | null): Tier[] => [
  { upTo: 10, unitAmount: '500', flatAmount: null },
  { upTo: null, unitAmount: '400', flatAmount },
];
const percent = (percentOff: string, item: number | null = null): RecurringDiscount => ({
  item,
  percentOff,
  amountOff: null,
  currency: null,
});
const amount = (amountOff: string, currency = 'usd'): RecurringDiscount => ({
  item: null,
  percentOff: null,
  amountOff,
  currency,
});

const cases: Record<string, Case> = {
  '10.00 usd a month': { items: [month] },
  '3 seats of 10.00 usd a month': { items: [{ ...month, quantity: 3 }] },
  '100.00 usd a year': { items: [{ unit: '10000', every: [1, 'year'] }] },
  'three of 100.00 usd a year': { items: [{ unit: '10000', every: [1, 'year'] }], count: 3 },
  '30.00 usd every 3 months': { items: [{ unit: '3000', every: [3, 'month'] }] },
  '7.00 usd a week': { items: [{ unit: '700', every: [1, 'week'] }] },
  '1.00 usd a day': { items: [{ unit: '100', every: [1, 'day'] }] },
  '500 jpy a month': { currency: 'jpy', items: [{ unit: '500' }] },
  '1000 jpy a year': { currency: 'jpy', items: [{ unit: '1000', every: [1, 'year'] }] },
  '5.125 kwd every 2 months': { currency: 'kwd', items: [{ unit: '5125', every: [2, 'month'] }] },
  '1000 units of 0.0125 usd a month': { items: [{ unit: '1.25', quantity: 1000 }] },
  '3 units of 0.005 usd a month': { items: [{ unit: '0.5', quantity: 3 }] },
  '25 units, volume: up to 10 at 5.00, beyond at 4.00 usd': {
    items: [{ tiers: { mode: 'volume', list: tenThenBeyond(null) }, quantity: 25 }],
  },
  '25 units, graduated: up to 10 at 5.00, beyond at 4.00 usd': {
    items: [{ tiers: { mode: 'graduated', list: tenThenBeyond(null) }, quantity: 25 }],
  },
  '10 units, graduated: up to 10 at 5.00, beyond at 4.00 and 7.00 flat': {
    items: [{ tiers: { mode: 'graduated', list: tenThenBeyond('700') }, quantity: 10 }],
  },
  '11 units, graduated: up to 10 at 5.00, beyond at 4.00 and 7.00 flat': {
    items: [{ tiers: { mode: 'graduated', list: tenThenBeyond('700') }, quantity: 11 }],
  },
  '11 units in packs of 5, rounded up, at 20.00 usd': {
    items: [{ unit: '2000', quantity: 11, pack: [5, 'up'] }],
  },
  '10.00 usd a month, 25 % off': { items: [month], discounts: [percent('25')] },
  '9.99 usd a month, 33.33 % off': { items: [{ unit: '999' }], discounts: [percent('33.33')] },
  '10.00 usd a month, 3.00 usd off': { items: [month], discounts: [amount('300')] },
  '2.00 usd a month, 3.00 usd off': { items: [{ unit: '200' }], discounts: [amount('300')] },
  '20.00 usd a month, 50 % then 3.00 usd off': {
    items: [{ unit: '2000' }],
    discounts: [percent('50'), amount('300')],
  },
  '20.00 usd a month, 3.00 usd then 50 % off': {
    items: [{ unit: '2000' }],
    discounts: [amount('300'), percent('50')],
  },
  'items of 10.00 and 20.00 usd, the second 50 % off, then 10 % off all': {
    items: [month, { unit: '2000' }],
    discounts: [percent('10'), percent('50', 1)],
  },
  'items of 10.00 usd a month and 120.00 usd a year, 3.00 usd off': {
    items: [{ unit: '12000', every: [1, 'year'] }, month],
    discounts: [amount('300')],
  },
  '120.00 usd a year, 12.00 usd off': {
    items: [{ unit: '12000', every: [1, 'year'] }],
    discounts: [amount('1200')],
  },
  '120.00 usd a year and none of 10.00 usd a month, 12.00 usd off': {
    items: [
      { unit: '12000', every: [1, 'year'] },
      { ...month, quantity: 0 },
    ],
    discounts: [amount('1200')],
  },
  '10.00 usd a month and a metered item': {
    items: [month, { unit: '5', quantity: null, usage: 'metered' }],
  },
  '10.00 usd a month, sold for 9.00 eur': {
    currency: 'eur',
    items: [{ amounts: { usd: '1000', eur: '900' } }],
  },
};

function standing(given: Case, over: Partial<AlikeSubscriptions> = {}) {
  const { currency = 'usd', items, discounts = [], count = 1 } = given;
  const prices = new Map(items.map((item, index) => [`price_${index}`, pricing(item, currency)]));
  const subscription: AlikeSubscriptions = {
    count,
    status: 'active',
    effectiveStatus: 'active',
    collectionPaused: false,
    currency,
    items: items.map(({ quantity = 1 }, index) => ({
      priceId: `price_${index}`,
      productId: `prod_${index}`,
      quantity,
    })),
    discounts,
    ...over,
  };
  return computeStanding([subscription], prices);
}

function pricing(given: Given, currency: string): Pricing {
  const { unit = null, amounts, tiers, every: [intervalCount, interval] = [1, 'month'] } = given;
  const entries = Object.entries(amounts ?? { [currency]: unit });
  return {
    amounts: new Map(
      entries.map(([key, unitAmount]) => [key, { unitAmount, tiers: tiers?.list ?? null }]),
    ),
    tiersMode: tiers?.mode ?? null,
    interval,
    intervalCount,
    usageType: given.usage ?? 'licensed',
    divideQuantityBy: given.pack?.[0] ?? null,
    roundQuantity: given.pack?.[1] ?? null,
  };
}

const told = (sums: ReadonlyMap<string, bigint>): string =>
  sums.size === 0 ? 'nothing' : [...sums].map(([unit, sum]) => `${sum} ${unit}`).join(', ');

describe('the examples of the document', () => {
  const examples = exampleTable('subscription');

  it('are all of these', () => {
    expect(examples.map(([name]) => name)).toEqual(Object.keys(cases));
  });

  it.each(examples)('%s: %s → %s', (name = '', _working, figure) => {
    const given = cases[name];
    if (given === undefined) throw new Error('no such case');
    const { mrr, unpricedItems } = standing(given);
    expect([told(mrr), unpricedItems]).toEqual([figure, 0]);
  });
});

describe('what counts where', () => {
  const one = { items: [month] };

  it.each([
    ['active', false, ['1000 usd', 'nothing', 'nothing']],
    ['past_due', false, ['1000 usd', 'nothing', 'nothing']],
    ['active', true, ['nothing', 'nothing', '1000 usd']],
    ['past_due', true, ['nothing', 'nothing', '1000 usd']],
    ['trialing', false, ['nothing', '1000 usd', 'nothing']],
    ['paused', false, ['nothing', 'nothing', '1000 usd']],
    ['unpaid', false, ['nothing', 'nothing', 'nothing']],
    ['incomplete', false, ['nothing', 'nothing', 'nothing']],
    ['canceled', false, ['nothing', 'nothing', 'nothing']],
    ['of_the_future', false, ['nothing', 'nothing', 'nothing']],
  ])('%s, collection paused: %s', (status, collectionPaused, expected) => {
    const { mrr, mrrTrialing, mrrPaused } = standing(one, {
      status,
      effectiveStatus: status,
      collectionPaused,
    });
    expect([mrr, mrrTrialing, mrrPaused].map(told)).toEqual(expected);
  });

  it('an unknown status is told as Stripe says it, and counts as the last one that was known', () => {
    const { byStatus, active, mrr } = standing(one, { status: 'dormant' });
    expect([...byStatus]).toEqual([['dormant', 1]]);
    expect([active, told(mrr)]).toEqual([1, '1000 usd']);
  });

  it('two items of one product are one subscription to it, and an item of quantity 0 is none', () => {
    const items = [
      { priceId: 'price_0', productId: 'prod_a', quantity: 1 },
      { priceId: 'price_0', productId: 'prod_a', quantity: 2 },
      { priceId: 'price_1', productId: 'prod_b', quantity: 0 },
    ];
    const { byProduct, byPrice, mrr } = standing({ items: [month, month], count: 5 }, { items });
    expect([...byProduct]).toEqual([['prod_a', 5]]);
    expect([...byPrice]).toEqual([['price_0', 5]]);
    expect(told(mrr)).toBe('15000 usd');
  });

  it('currencies are kept apart, and each total is rounded once', () => {
    const year = { unit: '10000', every: [1, 'year'] } as const;
    const alike = (currency: string) =>
      ({
        count: 1,
        status: 'active',
        effectiveStatus: 'active',
        collectionPaused: false,
        currency,
        items: [{ priceId: 'p', productId: 'x', quantity: 1 }],
        discounts: [],
      }) satisfies AlikeSubscriptions;
    const prices = new Map([
      ['p', pricing({ every: [1, 'year'], amounts: { usd: year.unit, eur: year.unit } }, 'usd')],
    ]);
    const { mrr } = computeStanding([alike('usd'), alike('eur'), alike('usd')], prices);
    // 2 × 833.33… is 1667; rounded one by one it would be 1666.
    expect(told(mrr)).toBe('1667 usd, 833 eur');
  });
});

describe('what is not known', () => {
  const cost = (given: Given, currency = 'usd') => standing({ currency, items: [month, given] });

  it.each<[string, Given]>([
    ['tiers that were never fetched', { tiers: { mode: 'volume', list: [] } }],
    [
      'no tier for so many',
      { tiers: { mode: 'graduated', list: tenThenBeyond(null).slice(0, 1) }, quantity: 11 },
    ],
    ['a way of tiers that is new', { tiers: { mode: 'spiral', list: tenThenBeyond(null) } }],
    ['no amount', {}],
    ['an interval that is new', { unit: '5', every: [1, 'decade'] }],
    ['no amount in the currency', { amounts: { eur: '900' } }],
  ])('%s: the item brings nothing and is counted, the others stay', (_name, given) => {
    const { mrr, unpricedItems } = cost(given);
    expect([told(mrr), unpricedItems]).toEqual(['1000 usd', 1]);
  });

  it('a price that is not there', () => {
    const items = [{ priceId: 'price_unheard_of', productId: 'x', quantity: 1 }];
    const { unpricedItems } = standing({ items: [month], count: 4 }, { items });
    expect(unpricedItems).toBe(4);
  });

  it.each<[string, RecurringDiscount]>([
    ['an amount off in another currency', amount('300', 'eur')],
    [
      'a coupon that was deleted',
      { item: null, percentOff: null, amountOff: null, currency: null },
    ],
  ])('%s takes nothing off', (_name, discount) => {
    expect(told(standing({ items: [month], discounts: [discount] }).mrr)).toBe('1000 usd');
  });
});
