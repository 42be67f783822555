import { describe, expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import type { FeatureFact, FeatureValue, GrantFact } from '../../../src/entitlements/core/facts.ts';
import { isValueOf } from '../../../src/entitlements/core/merge.ts';
import {
  carriesOf,
  day,
  factsOf,
  grantOf,
  itemOf,
  purchaseOf,
  seatsFeature,
  subscriptionOf,
  themeFeature,
  valueOn,
} from './facts-of.ts';

function seats(value: FeatureValue, id: string): GrantFact {
  return grantOf({ id, featureCode: 'seats', value });
}

function seatsOf(feature: Partial<FeatureFact>, values: FeatureValue[]): FeatureValue {
  const grants = values.map((value, index) => seats(value, `gr_${index}`));
  return valueOn(factsOf({ features: [{ ...seatsFeature, ...feature }], grants }), 'seats', 0);
}

describe('limit', () => {
  test.each<{
    guarantees: string;
    merge: 'max' | 'sum';
    given: FeatureValue[];
    value: FeatureValue;
  }>([
    { guarantees: 'max is the largest', merge: 'max', given: [3, 9, 5], value: 9 },
    { guarantees: 'sum is the total', merge: 'sum', given: [3, 9, 5], value: 17 },
    { guarantees: 'unlimited wins max', merge: 'max', given: [3, 'unlimited'], value: 'unlimited' },
    { guarantees: 'unlimited wins sum', merge: 'sum', given: ['unlimited', 3], value: 'unlimited' },
    {
      guarantees: 'a total stays an exact integer',
      merge: 'sum',
      given: [Number.MAX_SAFE_INTEGER, 1, 1],
      value: Number.MAX_SAFE_INTEGER,
    },
    {
      guarantees: 'a value that is no limit gives nothing',
      merge: 'sum',
      given: [true, 4],
      value: 4,
    },
  ])('$guarantees', ({ merge, given, value }) => {
    expect(seatsOf({ merge }, given)).toEqual(value);
  });

  function bought(feature: Partial<FeatureFact>, value: FeatureValue, quantity: number | null) {
    return valueOn(
      factsOf({
        features: [{ ...seatsFeature, ...feature }],
        carries: carriesOf({ priceId: 'p', features: { seats: value } }),
        subscriptions: [subscriptionOf({ items: [itemOf({ quantity })] })],
      }),
      'seats',
      0,
    );
  }

  test('is multiplied by the quantity where the feature is per_quantity', () => {
    expect(bought({ perQuantity: true }, 5, 4)).toBe(20);
  });

  test('is not multiplied otherwise', () => {
    expect(bought({}, 5, 4)).toBe(5);
  });

  test('of a metered item is what the mapping says', () => {
    expect(bought({ perQuantity: true }, 5, null)).toBe(5);
  });

  test('unlimited stays unlimited times any quantity', () => {
    expect(bought({ perQuantity: true }, 'unlimited', 4)).toBe('unlimited');
  });

  test('a product stays an exact integer', () => {
    expect(bought({ perQuantity: true }, Number.MAX_SAFE_INTEGER, 4)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('the largest is taken after multiplying', () => {
    const facts = factsOf({
      features: [{ ...seatsFeature, perQuantity: true }],
      carries: carriesOf({ priceId: 'p', features: { seats: 5 } }),
      subscriptions: [subscriptionOf({ items: [itemOf({ quantity: 3 })] })],
      grants: [seats(12, 'gr_1')],
    });
    expect(valueOn(facts, 'seats', 0)).toBe(15);
  });

  test('two items of one price both count and are named once', () => {
    const facts = factsOf({
      features: [{ ...seatsFeature, merge: 'sum' }],
      carries: carriesOf({ priceId: 'p', features: { seats: 5 } }),
      subscriptions: [subscriptionOf({ items: [itemOf(), itemOf({ id: 'si_2' })] })],
    });
    expect(compute(facts).at(-1)).toMatchObject({
      value: 10,
      sources: [{ type: 'subscription', id: 'sub_1', price_id: 'p' }],
    });
  });
});

describe('config takes the value of', () => {
  const theme = (facts: Parameters<typeof factsOf>[0]) =>
    valueOn(
      factsOf({
        features: [themeFeature],
        carries: carriesOf(
          { priceId: 'low', rank: 1, features: { theme: 'low' } },
          { priceId: 'high', rank: 2, features: { theme: 'high' } },
          { priceId: 'high_too', rank: 2, features: { theme: 'high too' } },
        ),
        ...facts,
      }),
      'theme',
      10,
    );
  const bought = (id: string, priceId: string, days: number) =>
    purchaseOf({ id, priceId, purchasedAt: day(days) });

  test('a manual grant, before any rank and any later start', () => {
    const grants = [grantOf({ featureCode: 'theme', value: { by: 'hand' }, validFrom: day(-9) })];
    expect(theme({ grants, purchases: [bought('a', 'high', 5)] })).toEqual({ by: 'hand' });
  });

  test('the higher rank, before the later start', () => {
    expect(theme({ purchases: [bought('a', 'high', 0), bought('b', 'low', 5)] })).toBe('high');
  });

  test('the later start among equal ranks, before the id', () => {
    const purchases = [bought('a', 'high', 0), bought('b', 'high_too', 5)];
    expect(theme({ purchases })).toBe('high too');
  });

  test('the id that sorts first among equal starts', () => {
    const purchases = [bought('b', 'high', 0), bought('a', 'high_too', 0)];
    expect(theme({ purchases })).toBe('high too');
  });

  test('the grant that starts later, among grants', () => {
    const grants = [
      grantOf({ id: 'gr_2', featureCode: 'theme', value: 'early', number: 9 }),
      grantOf({ id: 'gr_3', featureCode: 'theme', value: 'late', validFrom: day(1), number: 1 }),
    ];
    expect(theme({ grants })).toBe('late');
  });

  test('the first item by id where one subscription has two of one start', () => {
    const items = [
      itemOf({ id: 'si_2', priceId: 'high' }),
      itemOf({ id: 'si_1', priceId: 'high_too' }),
    ];
    expect(theme({ subscriptions: [subscriptionOf({ items })] })).toBe('high too');
  });
});

describe('config of subscriptions', () => {
  const themeOf = (subscriptions: ReturnType<typeof subscriptionOf>[]) =>
    valueOn(
      factsOf({
        features: [themeFeature],
        carries: carriesOf(
          { priceId: 'low', rank: -1, features: { theme: 'low' } },
          { priceId: 'mid', features: { theme: 'mid' } },
          { priceId: 'mid_too', features: { theme: 'mid too' } },
        ),
        subscriptions,
      }),
      'theme',
      10,
    );

  test('goes by rank before the start of the item', () => {
    const items = [
      itemOf({ priceId: 'mid' }),
      itemOf({ id: 'si_2', priceId: 'low', createdAt: day(5) }),
    ];
    expect(themeOf([subscriptionOf({ items })])).toBe('mid');
  });

  test('goes by the subscription’s id before the item’s', () => {
    const one = (id: string, itemId: string, priceId: string) =>
      subscriptionOf({ id, items: [itemOf({ id: itemId, priceId })] });
    expect(themeOf([one('sub_1', 'si_2', 'mid'), one('sub_2', 'si_1', 'mid_too')])).toBe('mid');
  });
});

describe('a value fits', () => {
  test.each<[FeatureFact['type'], FeatureValue, boolean]>([
    ['boolean', true, true],
    ['boolean', false, false],
    ['boolean', 1, false],
    ['limit', 1, true],
    ['limit', 'unlimited', true],
    ['limit', 0, false],
    ['limit', 1.5, false],
    ['limit', 'many', false],
    ['limit', true, false],
    ['config', { any: ['thing'] }, true],
  ])('%s %j: %s', (type, value, fits) => {
    expect(isValueOf(type, value)).toBe(fits);
  });
});
