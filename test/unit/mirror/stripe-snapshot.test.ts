import { describe, expect, it } from 'vitest';
import {
  objectsIn,
  snapshotOf,
  splitSnapshot,
  type StripeSnapshot,
} from '../../../src/mirror/core/stripe-snapshot.ts';
import { subscriptionRow } from '../../helpers/subscription-row.ts';

/** What Stripe shows of a customer with so many subscriptions. */
function summaryOf(count: number): StripeSnapshot {
  return snapshotOf({
    subscription: Array.from({ length: count }, (_, index) =>
      subscriptionRow({ id: `sub_${index}` }),
    ),
    entitlement_summary: [{ id: 'cus_1', lookupKeys: ['export'] }],
  });
}

describe('a snapshot in parts', () => {
  it.each([
    [0, [0]],
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('of %i subscriptions has so many in each', (count, sizes) => {
    expect(splitSnapshot(summaryOf(count)).map((part) => part.subscription.length)).toEqual(sizes);
  });

  it('shows together what the whole shows, each once, and what they were fetched for last', () => {
    const whole = summaryOf(250);
    const parts = splitSnapshot(whole);
    expect(parts.flatMap(objectsIn)).toEqual(objectsIn(whole));
    expect(parts.map((part) => part.entitlement_summary.length)).toEqual([0, 0, 1]);
  });
});
