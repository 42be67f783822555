import { expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import { allowancesOf } from '../../../src/entitlements/core/segment-sources.ts';
import { carriesOf, day, factsOf, itemOf, subscriptionOf } from './facts-of.ts';

test('an item that joins a running subscription counts its periods from the anchor of the subscription', () => {
  const item = itemOf({ createdAt: day(10) });
  const subscription = subscriptionOf({
    startDate: day(0),
    billingCycleAnchor: day(0),
    items: [item],
  });
  const facts = factsOf({
    features: [{ code: 'credits', type: 'metered', merge: 'max', perQuantity: false }],
    carries: carriesOf({
      priceId: item.priceId,
      interval: { unit: 'month', count: 1 },
      features: { credits: { amount: 100, every: 'period' } },
    }),
    subscriptions: [subscription],
  });
  const allowances = compute(facts).flatMap(allowancesOf);
  expect(allowances.length).toBeGreaterThan(0);
  for (const allowance of allowances) {
    expect(allowance).toMatchObject({ startAt: day(10), anchorAt: day(0) });
  }
});
