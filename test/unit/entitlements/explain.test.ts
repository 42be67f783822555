import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { answerAt } from '../../../src/entitlements/core/answer.ts';
import { compute } from '../../../src/entitlements/core/compute.ts';
import {
  type Explanation,
  explainAt,
  type Why,
  whys,
} from '../../../src/entitlements/core/explain.ts';
import type { Facts, SourceRef } from '../../../src/entitlements/core/facts.ts';
import { anyFacts } from './arbitrary-facts.ts';
import {
  carriesOf,
  day,
  exportFeature,
  factsOf,
  grantOf,
  itemOf,
  lenient,
  purchaseOf,
  reversalOf,
  revocationOf,
  seatsFeature,
  subscriptionOf,
  themeFeature,
} from './facts-of.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

const identity = { projectId: 'notes', userId: 'u_42', revision: 1 };
const runs = { numRuns: 300 };

/** Returns the answers of `GET /entitlements` and `check` for one feature at an instant. */
function answered(facts: Facts, code: string, instant: number) {
  const { body, denied } = answerAt(identity, compute(facts), instant, [code]);
  const [entry] = body.entitlements;
  return {
    allowed: entry !== undefined,
    reason: entry === undefined ? (denied[code] ?? 'no_source') : 'granted',
    value: entry?.value ?? null,
    sources: entry?.sources ?? [],
  };
}

/** The sources that count, as the answer lists them: two items of one price are one. */
function countedRefs({ sources }: Explanation): SourceRef[] {
  const refs = sources.filter(({ counted }) => counted).map(({ ref }) => ref);
  return refs.filter((ref, index) => !isDeepStrictEqual(ref, refs[index - 1]));
}

/** Every half day on which random facts may have a bound. */
const anyInstant = fc.integer({ min: -20, max: 100 }).map((count) => day(count / 2));
const anyCode = fc.constantFrom('export', 'seats', 'theme');

describe('explain and the answer', () => {
  test('say the same, with the same sources, for any facts at any instant', () => {
    fc.assert(
      fc.property(anyFacts, anyCode, anyInstant, (facts, code, instant) => {
        const explanation = explainAt(facts, code, instant);
        const { allowed, reason, value } = explanation;
        expect({ allowed, reason, value, sources: countedRefs(explanation) }).toEqual(
          answered(facts, code, instant),
        );
      }),
      runs,
    );
  });

  test('without the sources that do not count, and revocations that do not decide, the answer is the same', () => {
    fc.assert(
      fc.property(sideBySide, anyCode, anyInstant, (facts, code, instant) => {
        const explanation = explainAt(facts, code, instant);
        const { reason, ...given } = answered(facts, code, instant);
        const fewer = answered(without(facts, parts(explanation, false)), code, instant);
        expect(fewer).toMatchObject(given);
        // Sources that only explain a denial are among those that do not count.
        if (reason === 'granted' || reason === 'revoked') expect(fewer.reason).toBe(reason);
      }),
      runs,
    );
  });

  test('without what counts, or the revocation that decides, it is another', () => {
    fc.assert(
      fc.property(sideBySide, anyCode, anyInstant, (facts, code, instant) => {
        const explanation = explainAt(facts, code, instant);
        const { allowed, reason, sources, revocations } = explanation;
        if (allowed) {
          const counted = sources.filter(({ counted }) => counted).map(({ partId }) => partId);
          const rest = answered(without(facts, counted), code, instant);
          expect(rest.reason).not.toBe('granted');
        }
        const takes = sources.some(({ why }) => why === 'revoked' || why === 'blocked');
        expect(revocations.some(({ decides }) => decides)).toBe(takes || reason === 'revoked');
        if (takes) {
          const ids = revocations.map(({ id }) => id);
          expect(answered(without(facts, ids), code, instant).allowed).toBe(true);
        }
      }),
      runs,
    );
  });

  test('what counts without being seen in the value can go, and the value stays', () => {
    fc.assert(
      fc.property(sideBySide, anyCode, anyInstant, (given, code, instant) => {
        // A grant with a lower value may still be the last word over a revocation.
        const facts = { ...given, revocations: [] };
        const { sources, value } = explainAt(facts, code, instant);
        const hidden = sources
          .filter(({ why }) => why === 'lower_value' || why === 'lower_priority')
          .map(({ partId }) => partId);
        expect(answered(without(facts, hidden), code, instant).value).toEqual(value);
      }),
      runs,
    );
  });

  test('every source says a word of the list, one that fits whether it counts', () => {
    const counting: Why[] = ['counts', 'began_later', 'lower_value', 'lower_priority'];
    fc.assert(
      fc.property(anyFacts, anyCode, anyInstant, (facts, code, instant) => {
        for (const { why, counted, validFrom, validTo } of explainAt(facts, code, instant)
          .sources) {
          expect(Object.keys(whys)).toContain(why);
          expect(counting.includes(why)).toBe(counted);
          const covered = validFrom <= instant && (validTo === null || instant < validTo);
          expect(covered).toBe(counted || why === 'revoked' || why === 'blocked');
        }
      }),
      runs,
    );
  });
});

/**
 * Parts that can go one by one: each with an id of its own, and no access_days, since what was bought
 * behind a purchase that is left out moves up.
 */
const sideBySide = anyFacts.map((facts): Facts => ({
  ...facts,
  carries: carriesOf(
    ...Object.values(facts.carries).map((carry) => ({ ...carry, accessDays: null })),
  ),
  subscriptions: facts.subscriptions.map((subscription) => ({
    ...subscription,
    items: subscription.items.map((item) => ({ ...item, id: `${subscription.id}_${item.id}` })),
  })),
}));

/** The facts without these parts. An item is only turned off: its period ends the others' too. */
function without(facts: Facts, partIds: readonly string[]): Facts {
  const stays = ({ id }: { id: string }) => !partIds.includes(id);
  return {
    ...facts,
    subscriptions: facts.subscriptions.map((subscription) => ({
      ...subscription,
      items: subscription.items.map((item) => (stays(item) ? item : { ...item, quantity: 0 })),
    })),
    purchases: facts.purchases.filter(stays),
    grants: facts.grants.filter(stays),
    revocations: facts.revocations.filter(stays),
  };
}

/** The sources that count, or do not, and the revocations that decide, or do not. */
function parts({ sources, revocations }: Explanation, decisive: boolean): string[] {
  return [
    ...sources.filter(({ counted }) => counted === decisive).map(({ partId }) => partId),
    ...revocations.filter(({ decides }) => decides === decisive).map(({ id }) => id),
  ];
}

describe('every source says why', () => {
  const whyOf = (given: Partial<Facts>, code = 'export') =>
    explainAt(factsOf(given), code, day(5)).sources.map(({ why }) => why);

  test.each<[Why, Partial<Facts>]>([
    ['counts', { subscriptions: [subscriptionOf()] }],
    ['revoked', { subscriptions: [subscriptionOf()], revocations: [revocationOf()] }],
    [
      'blocked',
      {
        subscriptions: [subscriptionOf()],
        revocations: [revocationOf({ recordedAt: day(-1), block: true })],
      },
    ],
    [
      'began_later',
      { subscriptions: [subscriptionOf()], revocations: [revocationOf({ recordedAt: day(-1) })] },
    ],
    ['payment_overdue', { subscriptions: [subscriptionOf({ status: 'unpaid' })] }],
    ['not_yet_valid', { grants: [grantOf({ validFrom: day(6) })] }],
    ['expired', { grants: [grantOf({ validTo: day(5) })] }],
    ['expired', { subscriptions: [subscriptionOf({ status: 'canceled', endedAt: day(4) })] }],
    ['ended_by_operator', { grants: [grantOf({ validTo: day(9), endedAt: day(5) })] }],
    ['refunded', { purchases: [purchaseOf({ refunds: [reversalOf(3)] })] }],
    ['refunded', { purchases: [purchaseOf({ disputes: [reversalOf(3, { status: 'lost' })] })] }],
    [
      'disputed',
      {
        policy: { ...lenient, disputeOpened: 'suspend' },
        purchases: [purchaseOf({ disputes: [reversalOf(3, { status: 'under_review' })] })],
      },
    ],
    ['no_quantity', { subscriptions: [subscriptionOf({ items: [itemOf({ quantity: 0 })] })] }],
    ['status_unknown', { subscriptions: [subscriptionOf({ status: 'hibernating' })] }],
    [
      'value_unfit',
      {
        carries: carriesOf({ priceId: 'p', features: { export: 7 } }),
        purchases: [purchaseOf()],
      },
    ],
  ])('%s', (word, given) => {
    expect(whyOf(given)).toEqual([word]);
  });

  test('used up before it was refunded, it is expired', () => {
    const carries = carriesOf({ priceId: 'p', accessDays: 2 });
    expect(whyOf({ carries, purchases: [purchaseOf({ refunds: [reversalOf(3)] })] })).toEqual([
      'expired',
    ]);
  });

  test('counts and lower_value: the largest of a limit', () => {
    const two = [grantOf({ featureCode: 'seats', value: 3 })];
    const features = [seatsFeature];
    const seats = (id: string, value: 2 | 'unlimited') =>
      grantOf({ id, featureCode: 'seats', value, number: 2 });
    expect(whyOf({ features, grants: [...two, seats('gr_2', 2)] }, 'seats')).toEqual([
      'counts',
      'lower_value',
    ]);
    const summed = { features: [{ ...seatsFeature, merge: 'sum' as const }] };
    expect(whyOf({ ...summed, grants: [...two, seats('gr_2', 2)] }, 'seats')).toEqual([
      'counts',
      'counts',
    ]);
    expect(whyOf({ ...summed, grants: [...two, seats('gr_2', 'unlimited')] }, 'seats')).toEqual([
      'lower_value',
      'counts',
    ]);
  });

  test('counts and lower_priority: the first of a config', () => {
    const given = {
      features: [themeFeature],
      carries: carriesOf({ priceId: 'p', rank: 9, features: { theme: 'dark' } }),
      purchases: [purchaseOf()],
      grants: [grantOf({ featureCode: 'theme', value: 'plain' })],
    };
    expect(explainAt(factsOf(given), 'theme', day(5))).toMatchObject({
      value: 'plain',
      rule: 'precedence',
      sources: [{ why: 'counts' }, { why: 'lower_priority' }],
    });
  });
});

describe('the explanation', () => {
  test('names the revocation that decides, and a later grant that outweighs it', () => {
    const facts = factsOf({
      grants: [grantOf({ number: 1 })],
      revocations: [revocationOf({ number: 2 }), revocationOf({ id: 'rv_2', number: 3 })],
    });
    expect(explainAt(facts, 'export', day(5))).toMatchObject({
      allowed: false,
      reason: 'revoked',
      rule: 'last_word',
      sources: [{ counted: false, why: 'revoked' }],
      revocations: [
        { id: 'rv_2', decides: true },
        { id: 'rv_1', decides: false },
      ],
    });
    const goodwill = grantOf({ id: 'gr_2', number: 4, validTo: day(6) });
    const later = { ...facts, grants: [...facts.grants, goodwill] };
    expect(explainAt(later, 'export', day(5))).toMatchObject({
      allowed: true,
      rule: 'any',
      sources: [{ counted: true }, { counted: true }],
      revocations: [{ decides: false }, { decides: false }],
    });
  });

  test('multiplies a limit by its quantity where the feature says so', () => {
    const facts = factsOf({
      features: [{ ...seatsFeature, perQuantity: true, merge: 'sum' }],
      carries: carriesOf({ priceId: 'p', features: { seats: 5 } }),
      subscriptions: [
        subscriptionOf({ items: [itemOf({ quantity: 3 }), itemOf({ id: 'si_2', quantity: 1 })] }),
      ],
    });
    expect(explainAt(facts, 'seats', day(5))).toMatchObject({
      value: 20,
      rule: 'sum',
      sources: [
        { partId: 'si_1', value: 15 },
        { partId: 'si_2', value: 5 },
      ],
    });
  });

  test('lists sources as the answer does, by type, id and price, and each item of them', () => {
    const facts = factsOf({
      carries: carriesOf({ priceId: 'p' }, { priceId: 'q' }),
      subscriptions: [
        subscriptionOf({
          items: ['p', 'q', 'p'].map((priceId, index) => itemOf({ id: `si_${index}`, priceId })),
        }),
      ],
    });
    expect(explainAt(facts, 'export', day(5)).sources.map(({ partId }) => partId)).toEqual([
      'si_0',
      'si_2',
      'si_1',
    ]);
  });

  test('shows the window over which a source gives; a source that never gives has an empty one', () => {
    const facts = factsOf({
      subscriptions: [subscriptionOf({ status: 'past_due', dunningAnchorAt: day(2) })],
      grants: [grantOf({ validFrom: day(4), endedAt: day(3) })],
      revocations: [revocationOf({ validFrom: day(4), liftedAt: day(1) })],
    });
    expect(explainAt(facts, 'export', day(5))).toMatchObject({
      sources: [
        { ref: { type: 'grant' }, validFrom: day(4), validTo: day(4) },
        { ref: { type: 'subscription' }, validFrom: day(0), validTo: day(9) },
      ],
      revocations: [{ validFrom: day(4), validTo: day(4), decides: false }],
    });
  });

  test('of a feature that nothing carries is empty; of an unknown one says so', () => {
    const facts = factsOf({ features: [exportFeature, seatsFeature] });
    expect(explainAt(facts, 'seats', day(0))).toEqual({
      allowed: false,
      reason: 'no_source',
      value: null,
      rule: 'nothing_counts',
      sources: [],
      revocations: [],
    });
    expect(explainAt(facts, 'unheard_of', day(0))).toMatchObject({
      reason: 'feature_not_found',
      rule: 'unknown_feature',
    });
  });
});
