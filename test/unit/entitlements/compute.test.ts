import { describe, expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import {
  carriesOf,
  day,
  daysOf,
  exportFeature,
  factsOf,
  grantOf,
  itemOf,
  outline,
  purchaseOf,
  reversalOf,
  revocationOf,
  seatsFeature,
  subscriptionOf,
  themeFeature,
} from './facts-of.ts';

test('no facts make no timeline', () => {
  expect(compute(factsOf({}))).toEqual([]);
});

describe('losing one source', () => {
  test('a refunded purchase no longer grants access, other sources are kept', () => {
    const facts = factsOf({
      subscriptions: [subscriptionOf()],
      purchases: [purchaseOf({ refunds: [reversalOf(3)] })],
    });
    expect(compute(facts).slice(1)).toEqual([
      {
        featureCode: 'export',
        featureType: 'boolean',
        reason: 'granted',
        value: true,
        sources: [
          { type: 'purchase', id: 'li_1', price_id: 'p' },
          { type: 'subscription', id: 'sub_1', price_id: 'p' },
        ],
        validFrom: day(0),
        validTo: day(3),
      },
      {
        featureCode: 'export',
        featureType: 'boolean',
        reason: 'granted',
        value: true,
        sources: [{ type: 'subscription', id: 'sub_1', price_id: 'p' }],
        validFrom: day(3),
        validTo: null,
      },
    ]);
  });

  test('an old subscription’s end leaves the new one’s access alone', () => {
    const facts = factsOf({
      subscriptions: [
        subscriptionOf({ id: 'old', status: 'canceled', endedAt: day(10) }),
        subscriptionOf({ id: 'new', startDate: day(10) }),
      ],
    });
    expect(outline(facts)).toEqual([
      [null, 'not_yet_valid', 0],
      [0, 'granted', 10],
      [10, 'granted', null],
    ]);
  });

  test('a subscription past its grace leaves a manual grant alone', () => {
    const facts = factsOf({
      subscriptions: [subscriptionOf({ status: 'past_due', dunningAnchorAt: day(1) })],
      grants: [grantOf()],
    });
    expect(outline(facts).at(-1)).toEqual([8, 'granted', null]);
  });
});

describe('the reason of a denial', () => {
  const overdue = subscriptionOf({ id: 'sub_2', status: 'incomplete', startDate: day(1) });
  const future = grantOf({ id: 'gr_2', validFrom: day(50) });
  const over = grantOf({ id: 'gr_3', validTo: day(2) });
  const reasonOn10 = (facts: Parameters<typeof factsOf>[0]) =>
    outline(factsOf(facts)).find(
      ([from, , to]) => (from ?? -Infinity) <= 10 && 10 < (to ?? Infinity),
    )?.[1];

  test('is payment_overdue before not_yet_valid and expired', () => {
    expect(reasonOn10({ subscriptions: [overdue], grants: [future, over] })).toBe(
      'payment_overdue',
    );
  });

  test('is not_yet_valid before expired', () => {
    expect(reasonOn10({ grants: [future, over] })).toBe('not_yet_valid');
  });

  test('is expired where all is over', () => {
    expect(reasonOn10({ grants: [over] })).toBe('expired');
  });

  test('is revoked before all of them', () => {
    const revocations = [revocationOf({ recordedAt: day(5) })];
    expect(reasonOn10({ subscriptions: [overdue], grants: [future, over], revocations })).toBe(
      'revoked',
    );
  });
});

describe('segments', () => {
  test('are by feature code in code units, then by start', () => {
    const features = ['b', 'a_1', 'B', 'a'].map((code) => ({ ...exportFeature, code }));
    const facts = factsOf({
      features,
      carries: carriesOf({ priceId: 'p', features: { b: true, a_1: true, B: true, a: true } }),
      subscriptions: [subscriptionOf()],
    });
    expect(compute(facts).map(({ featureCode, reason }) => `${featureCode} ${reason}`)).toEqual([
      'B not_yet_valid',
      'B granted',
      'a not_yet_valid',
      'a granted',
      'a_1 not_yet_valid',
      'a_1 granted',
      'b not_yet_valid',
      'b granted',
    ]);
  });

  test('with equal answers are merged, whatever bounds lie between them', () => {
    const facts = factsOf({
      subscriptions: [subscriptionOf()],
      revocations: [
        revocationOf({ validFrom: day(2), validTo: day(4) }),
        revocationOf({ id: 'rv_2', validFrom: day(4), validTo: day(6), number: 3 }),
        revocationOf({ id: 'rv_3', validFrom: day(3), validTo: day(5), number: 4 }),
      ],
    });
    expect(outline(facts)).toEqual([
      [null, 'not_yet_valid', 0],
      [0, 'granted', 2],
      [2, 'revoked', 6],
      [6, 'granted', null],
    ]);
  });

  test('of one config value whose keys stand in another order are one', () => {
    const half = { featureCode: 'theme', id: 'gr_1' };
    const facts = factsOf({
      features: [themeFeature],
      grants: [
        grantOf({ ...half, value: { a: 1, b: 2 }, validTo: day(2) }),
        grantOf({ ...half, value: { b: 2, a: 1 }, validFrom: day(2) }),
      ],
    });
    expect(outline(facts, 'theme')).toEqual([
      [null, 'not_yet_valid', 0],
      [0, 'granted', null],
    ]);
  });

  test('part where only the sources change', () => {
    const facts = factsOf({
      subscriptions: [subscriptionOf()],
      grants: [grantOf({ validFrom: day(2), validTo: day(3) })],
    });
    expect(outline(facts)).toEqual([
      [null, 'not_yet_valid', 0],
      [0, 'granted', 2],
      [2, 'granted', 3],
      [3, 'granted', null],
    ]);
  });

  test('part where only the value changes, of items that are named as one source', () => {
    const facts = factsOf({
      features: [{ ...seatsFeature, merge: 'sum' }],
      carries: carriesOf({ priceId: 'p', features: { seats: 5 } }),
      subscriptions: [
        subscriptionOf({ items: [itemOf(), itemOf({ id: 'si_2', createdAt: day(4) })] }),
      ],
    });
    expect(compute(facts).map(({ value, validTo }) => [value, daysOf(validTo)])).toEqual([
      [null, 0],
      [5, 4],
      [10, null],
    ]);
  });

  test('are not joined across a gap', () => {
    const facts = factsOf({
      revocations: [
        revocationOf({ validTo: day(2) }),
        revocationOf({ id: 'rv_2', validFrom: day(4), validTo: day(5), number: 3 }),
      ],
    });
    expect(outline(facts)).toEqual([
      [0, 'revoked', 2],
      [4, 'revoked', 5],
    ]);
  });

  test('leave a gap where there is no source', () => {
    const facts = factsOf({ revocations: [revocationOf({ validFrom: day(2), validTo: day(3) })] });
    expect(outline(facts)).toEqual([[2, 'revoked', 3]]);
  });

  test('of a feature named like a property of every object are its own', () => {
    const features = ['constructor', '__proto__'].map((code) => ({ ...exportFeature, code }));
    const facts = factsOf({ features, subscriptions: [subscriptionOf()] });
    expect(compute(facts)).toEqual([]);
    const granted = factsOf({ features, grants: [grantOf({ featureCode: '__proto__' })] });
    expect(compute(granted).at(-1)).toMatchObject({ featureCode: '__proto__', reason: 'granted' });
  });
});

test('200 features with 40 sources each take a fraction of a second', () => {
  const features = Array.from({ length: 200 }, (_, index) => ({
    ...seatsFeature,
    code: `feature_${index}`,
  }));
  const given = Object.fromEntries(features.map(({ code }) => [code, 5]));
  const facts = factsOf({
    features,
    carries: carriesOf({ priceId: 'p', accessDays: 30, features: given }),
    purchases: Array.from({ length: 40 }, (_, index) =>
      purchaseOf({ id: `li_${index}`, purchasedAt: day(index) }),
    ),
  });
  const before = process.cpuUsage();
  const timeline = compute(facts);
  // Processor time: what else the machine is busy with does not matter.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  expect(timeline).toHaveLength(200 * 42);
});
