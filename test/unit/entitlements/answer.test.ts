import { describe, expect, test } from 'vitest';

import { answerAt } from '../../../src/entitlements/core/answer.ts';
import { compute } from '../../../src/entitlements/core/compute.ts';
import type { Facts } from '../../../src/entitlements/core/facts.ts';
import {
  carriesOf,
  day,
  exportFeature,
  factsOf,
  grantOf,
  itemOf,
  purchaseOf,
  revocationOf,
  seatsFeature,
  subscriptionOf,
  themeFeature,
} from './facts-of.ts';

const identity = { projectId: 'notes', userId: 'u_42', revision: 17 };

function answerOn(days: number, given: Partial<Facts>, featureCodes?: string[]) {
  return answerAt(identity, compute(factsOf(given)), day(days), featureCodes);
}

function iso(days: number): string {
  return new Date(day(days)).toISOString();
}

describe('the body', () => {
  test('is that of the contract, to the millisecond', () => {
    const { body, denied } = answerOn(5, {
      subscriptions: [subscriptionOf()],
      grants: [grantOf({ validFrom: day(2) + 1 })],
    });
    expect(body).toEqual({
      project_id: 'notes',
      user_id: 'u_42',
      revision: 17,
      entitlements: [
        {
          feature_code: 'export',
          type: 'boolean',
          value: true,
          valid_from: '2026-11-01T00:00:00.000Z',
          valid_to: null,
          sources: [
            { type: 'grant', id: 'gr_1' },
            { type: 'subscription', id: 'sub_1', price_id: 'p' },
          ],
        },
      ],
      next_change_at: null,
    });
    expect(denied).toEqual({});
  });

  test('of a user without a timeline has no entitlements', () => {
    expect(answerAt({ ...identity, revision: 0 }, [], day(0))).toEqual({
      body: {
        project_id: 'notes',
        user_id: 'u_42',
        revision: 0,
        entitlements: [],
        next_change_at: null,
      },
      denied: {},
    });
  });

  test('is sorted by feature code, for any order of segments', () => {
    const features = ['b', 'a_1', 'B', 'a'].map((code) => ({ ...exportFeature, code }));
    const grants = features.map(({ code }) => grantOf({ id: `gr_${code}`, featureCode: code }));
    const timeline = compute(factsOf({ features, grants })).toReversed();
    expect(
      answerAt(identity, timeline, day(1)).body.entitlements.map((entry) => entry.feature_code),
    ).toEqual(['B', 'a', 'a_1', 'b']);
  });

  test('names sources by type, then id, then price', () => {
    const { body } = answerOn(1, {
      carries: carriesOf({ priceId: 'p' }, { priceId: 'a' }),
      subscriptions: [
        subscriptionOf({ id: 'b', items: [itemOf(), itemOf({ id: 'si_2', priceId: 'a' })] }),
        subscriptionOf({ id: 'B' }),
      ],
      purchases: [purchaseOf({ id: 'c' })],
      grants: [grantOf({ id: 'e' }), grantOf({ id: 'd' })],
    });
    expect(body.entitlements[0]?.sources).toEqual([
      { type: 'grant', id: 'd' },
      { type: 'grant', id: 'e' },
      { type: 'purchase', id: 'c', price_id: 'p' },
      { type: 'subscription', id: 'B', price_id: 'p' },
      { type: 'subscription', id: 'b', price_id: 'a' },
      { type: 'subscription', id: 'b', price_id: 'p' },
    ]);
  });

  test('has values of the feature’s type', () => {
    const { body } = answerOn(1, {
      features: [seatsFeature, themeFeature, { ...seatsFeature, code: 'storage' }],
      grants: [
        grantOf({ id: 'gr_1', featureCode: 'seats', value: 5 }),
        grantOf({ id: 'gr_2', featureCode: 'theme', value: { dark: [true] } }),
        grantOf({ id: 'gr_3', featureCode: 'storage', value: 'unlimited' }),
      ],
    });
    expect(body.entitlements.map(({ type, value }) => [type, value])).toEqual([
      ['limit', 5],
      ['limit', 'unlimited'],
      ['config', { dark: [true] }],
    ]);
  });
});

describe('valid_from and valid_to', () => {
  const periodOn = (days: number, given: Partial<Facts>) => {
    const [entry] = answerOn(days, given).body.entitlements;
    return [entry?.valid_from, entry?.valid_to];
  };

  test('a short grant over an open subscription shows no end', () => {
    const given = {
      subscriptions: [subscriptionOf()],
      grants: [grantOf({ validFrom: day(2), validTo: day(3) })],
    };
    for (const days of [0, 1, 2, 2.5, 3, 99]) {
      expect(periodOn(days, given)).toEqual([iso(0), null]);
    }
  });

  test('sources that carry one value in turn are one period', () => {
    const given = {
      carries: carriesOf({ priceId: 'p', accessDays: 30 }),
      purchases: [purchaseOf({ id: 'a' }), purchaseOf({ id: 'b' }), purchaseOf({ id: 'c' })],
    };
    for (const days of [0, 29, 30, 59, 60, 89]) {
      expect(periodOn(days, given)).toEqual([iso(0), iso(90)]);
    }
  });

  test('a denial between two periods is part of neither', () => {
    const given = { revocations: [revocationOf({ validTo: day(2) })], grants: [grantOf()] };
    const grants = [grantOf({ validFrom: day(2), validTo: day(4) })];
    expect(periodOn(3, { ...given, grants })).toEqual([iso(2), iso(4)]);
  });

  test('a gap parts the period', () => {
    const given = {
      subscriptions: [subscriptionOf()],
      revocations: [revocationOf({ validFrom: day(2), validTo: day(3) })],
    };
    expect(periodOn(1, given)).toEqual([iso(0), iso(2)]);
    expect(periodOn(3, given)).toEqual([iso(3), null]);
  });

  test('another value parts the period', () => {
    const grants = [
      grantOf({ id: 'gr_1', featureCode: 'seats', value: 5, validTo: day(9) }),
      grantOf({ id: 'gr_2', featureCode: 'seats', value: 8, validFrom: day(2), validTo: day(3) }),
    ];
    const given = { features: [seatsFeature], grants };
    expect(periodOn(1, given)).toEqual([iso(0), iso(2)]);
    expect(periodOn(2, given)).toEqual([iso(2), iso(3)]);
    expect(periodOn(3, given)).toEqual([iso(3), iso(9)]);
  });

  test('one feature’s period is not another’s', () => {
    const given = {
      features: [exportFeature, { ...exportFeature, code: 'other' }],
      grants: [
        grantOf({ validTo: day(2) }),
        grantOf({ id: 'gr_2', featureCode: 'other', validFrom: day(2) }),
      ],
    };
    expect(periodOn(1, given)).toEqual([iso(0), iso(2)]);
    expect(periodOn(2, given)).toEqual([iso(2), null]);
  });
});

describe('next_change_at', () => {
  const nextOn = (days: number, given: Partial<Facts>, featureCodes?: string[]) =>
    answerOn(days, given, featureCodes).body.next_change_at;

  test('is the next instant at which sources alone change, too', () => {
    const given = {
      subscriptions: [subscriptionOf()],
      grants: [grantOf({ validFrom: day(2), validTo: day(3) })],
    };
    expect([nextOn(1, given), nextOn(2, given), nextOn(3, given)]).toEqual([iso(2), iso(3), null]);
  });

  test('is the next instant at which only the reason of a denial changes, too', () => {
    const given = {
      subscriptions: [
        subscriptionOf({ status: 'past_due', dunningAnchorAt: day(1), cancelAt: day(20) }),
      ],
    };
    expect(nextOn(9, given)).toBe(iso(20));
  });

  test('is the first start or end of all that lie ahead', () => {
    const given = {
      features: [exportFeature, seatsFeature],
      grants: [grantOf({ validTo: day(8) })],
      revocations: [revocationOf({ featureCode: 'seats', validFrom: day(4), validTo: day(6) })],
    };
    expect([1, 4, 6].map((days) => nextOn(days, given))).toEqual([iso(4), iso(6), iso(8)]);
  });

  test('is strictly after the instant read', () => {
    const given = { grants: [grantOf({ validTo: day(3) })] };
    expect(answerAt(identity, compute(factsOf(given)), day(3) - 1).body.next_change_at).toBe(
      iso(3),
    );
    expect(nextOn(3, given)).toBeNull();
  });

  test('is over all features, even where only some are asked for', () => {
    const given = {
      features: [exportFeature, seatsFeature],
      grants: [grantOf(), grantOf({ id: 'gr_2', featureCode: 'seats', value: 5, validTo: day(3) })],
    };
    expect(nextOn(1, given, ['export'])).toBe(iso(3));
  });
});

describe('feature_code', () => {
  test('leaves the other features out, granted and denied', () => {
    const codes = ['a', 'b', 'c', 'd'];
    const answer = answerOn(
      1,
      {
        features: codes.map((code) => ({ ...exportFeature, code })),
        grants: codes.map((code, index) =>
          grantOf({ id: code, featureCode: code, validFrom: day(index < 2 ? 0 : 5) }),
        ),
      },
      ['a', 'c', 'unknown'],
    );
    expect(answer.body.entitlements.map((entry) => entry.feature_code)).toEqual(['a']);
    expect(answer.denied).toEqual({ c: 'not_yet_valid' });
  });

  test('of none asks for nothing', () => {
    expect(answerOn(1, { grants: [grantOf()] }, []).body.entitlements).toEqual([]);
  });
});

describe('denied', () => {
  test('gives the reason for features that are not in the body', () => {
    const codes = ['granted', 'revoked', 'overdue', 'coming', 'over', 'none'];
    const { denied } = answerOn(5, {
      features: codes.map((code) => ({ ...exportFeature, code })),
      carries: carriesOf({ priceId: 'p', features: { overdue: true } }),
      subscriptions: [subscriptionOf({ status: 'incomplete' })],
      grants: [
        grantOf({ id: 'gr_1', featureCode: 'granted' }),
        grantOf({ id: 'gr_2', featureCode: 'coming', validFrom: day(9) }),
        grantOf({ id: 'gr_3', featureCode: 'over', validTo: day(2) }),
      ],
      revocations: [revocationOf({ featureCode: 'revoked' })],
    });
    expect(denied).toEqual({
      revoked: 'revoked',
      overdue: 'payment_overdue',
      coming: 'not_yet_valid',
      over: 'expired',
    });
  });
});
