import { describe, expect, it } from 'vitest';
import { emptyPicture, objectsIn, partsOf, type Picture } from '../../../src/mirror/picture.ts';
import type { SubscriptionRow } from '../../../src/mirror/rows.ts';

const at = new Date(0);

function subscription(id: string): SubscriptionRow {
  return {
    id,
    customerId: 'cus_1',
    status: 'active',
    currency: 'usd',
    collectionMethod: 'charge_automatically',
    createdAt: at,
    startDate: at,
    endedAt: null,
    cancelAt: null,
    cancelAtPeriodEnd: false,
    canceledAt: null,
    trialStart: null,
    trialEnd: null,
    pausedAt: null,
    collectionPaused: false,
    dunningAnchorAt: null,
    metadataProjectId: null,
    metadataUserId: null,
    items: [],
  };
}

/** What Stripe shows of a customer with so many subscriptions. */
function summaryOf(count: number): Picture {
  return {
    ...emptyPicture(),
    subscriptions: Array.from({ length: count }, (_, index) => subscription(`sub_${index}`)),
    summaries: [{ id: 'cus_1', lookupKeys: ['export'] }],
  };
}

describe('a picture in parts', () => {
  it.each([
    [0, [0]],
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('of %i subscriptions has so many in each', (count, sizes) => {
    expect(partsOf(summaryOf(count)).map((part) => part.subscriptions.length)).toEqual(sizes);
  });

  it('shows together what the whole shows, each once, and what they were fetched for last', () => {
    const whole = summaryOf(250);
    const parts = partsOf(whole);
    expect(parts.flatMap(objectsIn)).toEqual(objectsIn(whole));
    expect(parts.map(({ summaries }) => summaries.length)).toEqual([0, 0, 1]);
  });
});
