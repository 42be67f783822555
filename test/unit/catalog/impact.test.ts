import { describe, expect, test } from 'vitest';
import {
  addUser,
  catalogDifference,
  emptyImpact,
  valuesAt,
} from '../../../src/catalog/core/impact.ts';
import type { CatalogFacts, FeatureValue } from '../../../src/entitlements/core/facts.ts';
import {
  carriesOf,
  day,
  exportFeature,
  factsOf,
  grantOf,
  purchaseOf,
  seatsFeature,
  themeFeature,
} from '../entitlements/facts-of.ts';

const { policy } = factsOf({});
const features = [exportFeature, seatsFeature, themeFeature];
const carrying = (given: Parameters<typeof carriesOf>[0]): CatalogFacts => ({
  policy,
  features,
  carries: carriesOf(given),
});
const pro = { priceId: 'p', features: { export: true, seats: 10 } };

describe('two states of a catalog', () => {
  test('that are equal do not differ, in any order', () => {
    const after = { ...carrying(pro), features: features.toReversed() };
    expect(catalogDifference(carrying(pro), after)).toMatchObject({
      featureCodes: new Set(),
      priceIds: [],
    });
  });

  test('differ in the features whose value a price changes, and by that price', () => {
    const after = carrying({ ...pro, features: { export: true, seats: 3 } });
    expect(catalogDifference(carrying(pro), after)).toEqual({
      featureCodes: new Set(['seats']),
      limits: new Set(['seats']),
      priceIds: ['p'],
    });
  });

  test('differ in everything that a price carries if its rank or its days change', () => {
    for (const changed of [{ rank: 5 }, { accessDays: 30 }]) {
      const { featureCodes } = catalogDifference(carrying(pro), carrying({ ...pro, ...changed }));
      expect(featureCodes).toEqual(new Set(['export', 'seats']));
    }
  });

  test('differ by all prices that carry a feature that adds up in another way', () => {
    const before = {
      policy,
      features,
      carries: carriesOf(pro, { priceId: 'q' }, { priceId: 'r', features: { seats: 1 } }),
    };
    const summed = {
      ...before,
      features: [exportFeature, { ...seatsFeature, merge: 'sum' as const }],
    };
    const { featureCodes, priceIds } = catalogDifference(before, {
      ...summed,
      features: [...summed.features, themeFeature],
    });
    expect(featureCodes).toEqual(new Set(['seats']));
    expect(priceIds).toEqual(['p', 'r']);
  });
});

describe('what it means for a user', () => {
  const difference = {
    featureCodes: new Set(['a']),
    limits: new Set(['a']),
    priceIds: [],
  };
  const impactOf = (from: FeatureValue | undefined, to: FeatureValue | undefined, limit = true) => {
    const impact = emptyImpact(1);
    const valued = (value: FeatureValue | undefined) =>
      new Map(value === undefined ? [] : [['a', value] as const]);
    const limits = limit ? difference.limits : new Set<string>();
    addUser(impact, { ...difference, limits }, 'u', valued(from), valued(to));
    return Object.entries(impact.counts)
      .filter(([kind, count]) => kind !== 'users' && count > 0)
      .map(([kind]) => kind);
  };

  test.each<[string[], FeatureValue | undefined, FeatureValue | undefined]>([
    [['gains'], undefined, 3],
    [['losses'], 3, undefined],
    [['raised'], 3, 4],
    [['raised'], 3, 'unlimited'],
    [['lowered'], 'unlimited', 3],
    [['lowered'], 10, 9],
    [[], 3, 3],
    [[], undefined, undefined],
  ])('%j: a limit from %j to %j', (kinds, from, to) => {
    expect(impactOf(from, to)).toEqual(kinds);
  });

  test('a config is neither raised nor lowered, even if it is a number', () => {
    expect(impactOf(3, 4, false)).toEqual(['changed']);
    expect(impactOf({ a: 1, b: 2 }, { b: 2, a: 1 }, false)).toEqual([]);
  });

  test('lists 1,000 of each kind and counts all', () => {
    const impact = emptyImpact(1_500);
    for (let n = 0; n < 1_500; n += 1) {
      addUser(impact, difference, `u_${n}`, new Map([['a', 2]]), new Map([['a', 1]]));
    }
    expect(impact.lowered).toHaveLength(1_000);
    expect(impact.counts.lowered).toBe(1_500);
  });

  test('what another source gives all the same is no change', () => {
    const before = carrying(pro);
    const after = carrying({ ...pro, features: { export: true, seats: 3 } });
    const compared = catalogDifference(before, after);
    const facts = factsOf({
      features,
      purchases: [purchaseOf()],
      grants: [grantOf({ featureCode: 'seats', value: 10 })],
    });
    for (const catalog of [before, after]) {
      expect(valuesAt(facts, catalog, compared, day(1))).toEqual(new Map([['seats', 10]]));
    }
  });
});
