/*
 * Random facts about one user, dense on purpose: few instants, half a day apart, so that bounds
 * coincide; few values, so that neighbours are equal; every status, known and unknown.
 */
import fc from 'fast-check';

import type {
  CarryFact,
  Facts,
  FeatureFact,
  FeatureValue,
  GrantFact,
  PurchaseFact,
  RevocationFact,
  SubscriptionFact,
} from '../../../src/entitlements/core/facts.ts';
import { day } from './facts-of.ts';

const halfDays = (min: number, max: number) =>
  fc.integer({ min: min * 2, max: max * 2 }).map((count) => day(count / 2));
const start = halfDays(-5, 15);
const end = halfDays(-5, 40);
const optionalEnd = fc.option(end, { freq: 1 });
const rareEnd = fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, end);

const valueOf: Record<string, fc.Arbitrary<FeatureValue>> = {
  export: fc.constant(true),
  seats: fc.constantFrom<FeatureValue>(1, 2, 3, 'unlimited'),
  theme: fc.constantFrom<FeatureValue>('dark', { tint: 1, of: [2] }, { of: [2], tint: 1 }, null),
  credits: fc.constantFrom<FeatureValue>(
    { amount: 5 },
    { amount: 5, every: 'day' },
    { every: 'period', amount: 2, rollover: { periods: 2, max: 9 } },
    'unlimited',
  ),
};
const codes = Object.keys(valueOf);

const features: fc.Arbitrary<FeatureFact[]> = fc
  .record({ merge: fc.constantFrom('max', 'sum'), perQuantity: fc.boolean() })
  .map((limit) => [
    { code: 'export', type: 'boolean', merge: 'max', perQuantity: false },
    { code: 'seats', type: 'limit', ...limit },
    { code: 'theme', type: 'config', merge: 'max', perQuantity: false },
    { code: 'credits', type: 'metered', merge: 'max', perQuantity: limit.perQuantity },
  ]);

const mappedPrices = ['p', 'q', 'r'];
const priceId = fc.constantFrom(...mappedPrices, ...mappedPrices, 'unmapped');

function carry(id: string): fc.Arbitrary<CarryFact> {
  return fc.record({
    priceId: fc.constant(id),
    productId: fc.constant('product'),
    rank: fc.integer({ min: -1, max: 1 }),
    accessDays: fc.constantFrom(null, 1, 4, 10),
    interval: fc.constantFrom(null, { unit: 'month' as const, count: 3 }),
    features: fc
      .subarray(Object.entries(valueOf))
      .chain((some) => fc.record(Object.fromEntries(some))),
  });
}

const carries = fc
  .tuple(...mappedPrices.map(carry))
  .map((all) => Object.fromEntries(all.map((one) => [one.priceId, one])));

const policy = fc.record({
  graceDays: fc.integer({ min: 0, max: 9 }),
  refundFull: fc.constantFrom('revoke' as const, 'keep' as const),
  refundPartial: fc.constantFrom('keep' as const, 'revoke' as const),
  disputeOpened: fc.constantFrom('keep' as const, 'suspend' as const),
});

const subscription: fc.Arbitrary<Omit<SubscriptionFact, 'id'>> = fc.record({
  status: fc.constantFrom(
    'active',
    'active',
    'active',
    'trialing',
    'past_due',
    'past_due',
    'unpaid',
    'paused',
    'incomplete',
    'incomplete_expired',
    'canceled',
    'hibernating',
  ),
  startDate: start,
  billingCycleAnchor: optionalEnd,
  endedAt: rareEnd,
  cancelAt: rareEnd,
  cancelAtPeriodEnd: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  canceledAt: optionalEnd,
  pausedAt: optionalEnd,
  dunningAnchorAt: optionalEnd,
  items: fc
    .array(
      fc.record({
        priceId,
        productId: fc.constant('product'),
        quantity: fc.constantFrom(null, 0, 1, 2, 3),
        createdAt: start,
        currentPeriodEnd: end,
      }),
      { maxLength: 3, size: 'max' },
    )
    .map((items) => items.map((item, index) => ({ ...item, id: `si_${index}` }))),
});

const refundStatus = fc.constantFrom(
  'succeeded',
  'pending',
  'requires_action',
  'failed',
  'canceled',
);
const disputeStatus = fc.constantFrom(
  'needs_response',
  'under_review',
  'warning_needs_response',
  'warning_under_review',
  'appeal_needs_response',
  'appeal_under_review',
  'lost',
  'won',
  'warning_closed',
  'prevented',
);

/** Money is returned at the purchase or after it, never before. */
function reversals(purchasedAt: number, status: fc.Arbitrary<string>) {
  return fc.array(
    fc.record({
      id: fc.constantFrom('re_1', 're_2'),
      amount: fc.constantFrom(0, 300, 400, 600, 1000),
      status,
      createdAt: halfDays(0, 25).map((later) => purchasedAt + later - day(0)),
    }),
    { maxLength: 2 },
  );
}

const purchase: fc.Arbitrary<Omit<PurchaseFact, 'id'>> = start.chain((purchasedAt) =>
  fc.record({
    priceId,
    productId: fc.constant('product'),
    quantity: fc.integer({ min: 0, max: 3 }),
    amount: fc.constantFrom(0, 300, 1000),
    paymentAmount: fc.constantFrom(0, 1000),
    purchasedAt: fc.constant(purchasedAt),
    refunds: reversals(purchasedAt, refundStatus),
    disputes: reversals(purchasedAt, disputeStatus),
    ofInvoice: fc.boolean(),
  }),
);

type Operator = { by: 'grant'; fact: GrantFact } | { by: 'revocation'; fact: RevocationFact };
const window = { validFrom: start, validTo: optionalEnd };

export const anyGrant: fc.Arbitrary<Omit<GrantFact, 'id' | 'number'>> = fc
  .constantFrom(...codes)
  .chain((featureCode) =>
    fc.record({
      featureCode: fc.constant(featureCode),
      value: valueOf[featureCode] ?? fc.constant(true),
      ...window,
      endedAt: rareEnd,
    }),
  );

export const anyRevocation: fc.Arbitrary<Omit<RevocationFact, 'id' | 'number'>> = fc.record({
  featureCode: fc.constantFrom(...codes),
  ...window,
  liftedAt: optionalEnd,
  recordedAt: start,
  block: fc.boolean(),
});

/** Operators' actions, in the order of recording: the numbers are even and start at 2. */
const operator: fc.Arbitrary<Operator[]> = fc
  .array(
    fc.oneof(
      anyGrant.map((fact) => ({ by: 'grant' as const, fact })),
      anyRevocation.map((fact) => ({ by: 'revocation' as const, fact })),
    ),
    { maxLength: 6, size: 'max' },
  )
  .map((words) =>
    words.map((word, index): Operator => {
      const number = 2 * (index + 1);
      return word.by === 'grant'
        ? { by: 'grant', fact: { ...word.fact, id: `gr_${9 - index}`, number } }
        : { by: 'revocation', fact: { ...word.fact, id: `rv_${9 - index}`, number } };
    }),
  );

export const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    policy,
    features,
    carries,
    subscriptions: fc.array(subscription, { maxLength: 3, size: 'max' }),
    purchases: fc.array(purchase, { maxLength: 6, size: 'max' }),
    operator,
  })
  .map(({ operator: words, subscriptions, purchases, ...rest }) => ({
    ...rest,
    subscriptions: subscriptions.map((one, index) => ({ ...one, id: `sub_${index}` })),
    purchases: purchases.map((one, index) => ({ ...one, id: `li_${index}` })),
    grants: words.flatMap((word) => (word.by === 'grant' ? [word.fact] : [])),
    revocations: words.flatMap((word) => (word.by === 'revocation' ? [word.fact] : [])),
  }));

/** Purchases of one price that follow one another, among plain revocations and grants of one feature. */
export const anyQueue: fc.Arbitrary<Facts> = fc
  .tuple(anyFacts, fc.constantFrom(1, 4, 10), fc.array(purchase, { minLength: 2, maxLength: 6 }))
  .map(([facts, accessDays, purchases]) => {
    const features = { export: true };
    const p = {
      ...{ priceId: 'p', productId: 'product', rank: 0, accessDays, interval: null },
      features,
    };
    const ofExport = { featureCode: 'export', value: true, block: false };
    return {
      ...facts,
      carries: { p },
      subscriptions: [],
      purchases: purchases.map((one, index) => ({ ...one, id: `li_${index}`, priceId: 'p' })),
      grants: facts.grants.map((one) => ({ ...one, ...ofExport })),
      revocations: facts.revocations.map((one) => ({ ...one, ...ofExport })),
    };
  });

/** The same facts, every list in another order. */
export function reordered(facts: Facts): fc.Arbitrary<Facts> {
  const shuffled = <T>(list: readonly T[]) =>
    fc.shuffledSubarray([...list], { minLength: list.length });
  return fc
    .record({
      features: shuffled(facts.features),
      subscriptions: shuffled(facts.subscriptions),
      purchases: shuffled(facts.purchases),
      grants: shuffled(facts.grants),
      revocations: shuffled(facts.revocations),
      prices: shuffled(Object.entries(facts.carries)),
    })
    .chain(({ prices, subscriptions, purchases, ...rest }) =>
      fc
        .record({
          items: fc.tuple(...subscriptions.map(({ items }) => shuffled(items))),
          refunds: fc.tuple(...purchases.map(({ refunds }) => shuffled(refunds))),
          disputes: fc.tuple(...purchases.map(({ disputes }) => shuffled(disputes))),
        })
        .map(({ items, refunds, disputes }) => ({
          ...rest,
          policy: facts.policy,
          carries: Object.fromEntries(prices),
          subscriptions: subscriptions.map((one, index) => ({ ...one, items: items[index] ?? [] })),
          purchases: purchases.map((one, index) => ({
            ...one,
            refunds: refunds[index] ?? [],
            disputes: disputes[index] ?? [],
          })),
        })),
    );
}
