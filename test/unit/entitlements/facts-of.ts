/* Facts for the tests of the pure core: short to write, complete, in days since a fixed start. */
import { compute } from '../../../src/entitlements/core/compute.ts';
import type {
  CarryFact,
  Facts,
  FeatureFact,
  GrantFact,
  PurchaseFact,
  RevocationFact,
  Segment,
  SubscriptionFact,
  SubscriptionItemFact,
} from '../../../src/entitlements/core/facts.ts';
import type { PolicyFact } from '../../../src/entitlements/policy.ts';

const start = Date.UTC(2026, 10, 1);
const dayMs = 86_400_000;

/** The instant `days` after the start of all tests. */
export function day(days: number): number {
  return start + days * dayMs;
}

/** The days from the start of all tests to an instant. */
export function daysOf(instant: number | null): number | null {
  return instant === null ? null : (instant - start) / dayMs;
}

export const lenient: PolicyFact = {
  graceDays: 7,
  refundFull: 'revoke',
  refundPartial: 'keep',
  disputeOpened: 'keep',
};

export const exportFeature: FeatureFact = {
  code: 'export',
  type: 'boolean',
  merge: 'max',
  perQuantity: false,
};

export const seatsFeature: FeatureFact = {
  code: 'seats',
  type: 'limit',
  merge: 'max',
  perQuantity: false,
};

export const themeFeature: FeatureFact = {
  code: 'theme',
  type: 'config',
  merge: 'max',
  perQuantity: false,
};

/** Price `p` carries the boolean `export`; more as given. */
export function factsOf(given: Partial<Facts>): Facts {
  return {
    policy: lenient,
    features: [exportFeature],
    carries: carriesOf({ priceId: 'p' }),
    subscriptions: [],
    purchases: [],
    grants: [],
    revocations: [],
    ...given,
  };
}

export function carriesOf(
  ...carries: (Partial<CarryFact> & { priceId: string })[]
): Record<string, CarryFact> {
  return Object.fromEntries(
    carries.map((carry) => [
      carry.priceId,
      {
        productId: 'product',
        rank: 0,
        accessDays: null,
        interval: null,
        features: { export: true },
        ...carry,
      },
    ]),
  );
}

export function itemOf(given: Partial<SubscriptionItemFact> = {}): SubscriptionItemFact {
  return {
    id: 'si_1',
    priceId: 'p',
    productId: 'product',
    quantity: 1,
    createdAt: day(0),
    currentPeriodEnd: day(30),
    ...given,
  };
}

/** Active since day 0, with one item of price `p`. */
export function subscriptionOf(given: Partial<SubscriptionFact> = {}): SubscriptionFact {
  return {
    id: 'sub_1',
    status: 'active',
    startDate: day(0),
    billingCycleAnchor: null,
    endedAt: null,
    cancelAt: null,
    cancelAtPeriodEnd: false,
    canceledAt: null,
    pausedAt: null,
    dunningAnchorAt: null,
    items: [itemOf()],
    ...given,
  };
}

/** One of price `p`, bought on day 0 for 1000, alone in its payment. */
export function purchaseOf(given: Partial<PurchaseFact> = {}): PurchaseFact {
  return {
    id: 'li_1',
    priceId: 'p',
    productId: 'product',
    quantity: 1,
    amount: 1000,
    paymentAmount: 1000,
    purchasedAt: day(0),
    refunds: [],
    disputes: [],
    ofInvoice: false,
    ...given,
  };
}

/** Returned or pending money: by default succeeded and in full. */
export function reversalOf(
  days: number,
  given: Partial<PurchaseFact['refunds'][number]> = {},
): PurchaseFact['refunds'][number] {
  return { id: `re_${days}`, amount: 1000, status: 'succeeded', createdAt: day(days), ...given };
}

export function grantOf(given: Partial<GrantFact> = {}): GrantFact {
  return {
    id: 'gr_1',
    featureCode: 'export',
    value: true,
    validFrom: day(0),
    validTo: null,
    endedAt: null,
    number: 1,
    ...given,
  };
}

export function revocationOf(given: Partial<RevocationFact> = {}): RevocationFact {
  return {
    id: 'rv_1',
    featureCode: 'export',
    validFrom: day(0),
    validTo: null,
    liftedAt: null,
    number: 2,
    recordedAt: given.validFrom ?? day(0),
    block: false,
    ...given,
  };
}

export type OutlineEntry = [from: number | null, reason: Segment['reason'], to: number | null];

/** The timeline of one feature, in days. */
export function outline(facts: Facts, featureCode = 'export'): OutlineEntry[] {
  return compute(facts)
    .filter((segment) => segment.featureCode === featureCode)
    .map(({ validFrom, reason, validTo }) => [daysOf(validFrom), reason, daysOf(validTo)]);
}

/** Returns the value of one feature on one day; null if it is not allowed. */
export function valueOn(facts: Facts, featureCode: string, days: number): Segment['value'] {
  const instant = day(days);
  const segment = compute(facts).find(
    ({ featureCode: code, validFrom, validTo }) =>
      code === featureCode &&
      (validFrom === null || validFrom <= instant) &&
      (validTo === null || instant < validTo),
  );
  return segment?.value ?? null;
}
