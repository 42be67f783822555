import { describe, expect, test } from 'vitest';

import { lastBeganAt } from '../../../src/entitlements/core/windows.ts';
import { day, factsOf, itemOf, purchaseOf, reversalOf, subscriptionOf } from './facts-of.ts';

describe('the last known start of a user', () => {
  const older = subscriptionOf({ startDate: day(1), items: [itemOf({ createdAt: day(1) })] });

  test('is that of the last purchase, even one whose money came back', () => {
    const purchases = [
      purchaseOf({ id: 'li_1', purchasedAt: day(3), refunds: [reversalOf(4)] }),
      purchaseOf({ id: 'li_2', purchasedAt: day(2) }),
    ];
    expect(lastBeganAt(factsOf({ subscriptions: [older], purchases }))).toBe(day(3));
  });

  test('is that of the last item, even one that was added to an older subscription', () => {
    const items = [
      itemOf({ id: 'si_1', createdAt: day(1) }),
      itemOf({ id: 'si_2', createdAt: day(5) }),
    ];
    const subscriptions = [subscriptionOf({ startDate: day(1), items }), older];
    const purchases = [purchaseOf({ purchasedAt: day(2) })];
    expect(lastBeganAt(factsOf({ subscriptions, purchases }))).toBe(day(5));
  });

  test('is that of a subscription which starts after its items were created', () => {
    const subscriptions = [
      subscriptionOf({ startDate: day(7), items: [itemOf({ createdAt: day(6) })] }),
    ];
    expect(lastBeganAt(factsOf({ subscriptions }))).toBe(day(7));
  });

  test('does not exist without purchases and subscriptions', () => {
    expect(lastBeganAt(factsOf({}))).toBeNull();
  });
});
