import type {
  Facts,
  FeatureFact,
  GrantFact,
  RevocationFact,
} from '../../../src/entitlements/core/facts.ts';

/** Everything that was ever written about one user. */
export interface WrittenFacts {
  userId: string;
  grants: GrantFact[];
  revocations: RevocationFact[];
  subscription: { id: string; startDate: number; endedAt: number | null } | null;
}

export const feature: FeatureFact = {
  code: 'export',
  type: 'boolean',
  merge: 'max',
  perQuantity: false,
};
export const priceId = 'price_pro';
export const productId = 'prod_pro';

/** Returns the facts that the oracle decides from. */
export function factsOf({ grants, revocations, subscription }: WrittenFacts): Facts {
  return {
    policy: { graceDays: 7, refundFull: 'revoke', refundPartial: 'keep', disputeOpened: 'keep' },
    features: [feature],
    carries: {
      [priceId]: {
        priceId,
        productId,
        rank: 0,
        accessDays: null,
        interval: null,
        features: { [feature.code]: true },
      },
    },
    subscriptions:
      subscription === null
        ? []
        : [
            {
              ...subscription,
              status: subscription.endedAt === null ? 'active' : 'canceled',
              billingCycleAnchor: null,
              cancelAt: null,
              cancelAtPeriodEnd: false,
              canceledAt: subscription.endedAt,
              pausedAt: null,
              dunningAnchorAt: null,
              items: [
                {
                  id: `si_${subscription.id}`,
                  priceId,
                  productId,
                  quantity: 1,
                  createdAt: subscription.startDate,
                  currentPeriodEnd: subscription.startDate + 30 * 86_400_000,
                },
              ],
            },
          ],
    purchases: [],
    grants,
    revocations,
  };
}
