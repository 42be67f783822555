import type { SubscriptionRow } from '../../src/mirror/core/rows.ts';

/** An active subscription as the mirror's row, without items, since the epoch. */
export function subscriptionRow(given: Partial<SubscriptionRow> = {}): SubscriptionRow {
  const at = new Date(0);
  return {
    id: 'sub_1',
    customerId: 'cus_1',
    status: 'active',
    currency: 'usd',
    collectionMethod: 'charge_automatically',
    createdAt: at,
    startDate: at,
    billingCycleAnchor: null,
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
    ...given,
  };
}
