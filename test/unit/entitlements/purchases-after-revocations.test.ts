import { describe, expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import { explainAt } from '../../../src/entitlements/core/explain.ts';
import type { Facts } from '../../../src/entitlements/core/facts.ts';
import { sourcesOf } from '../../../src/entitlements/core/segment-sources.ts';
import {
  carriesOf,
  day,
  daysOf,
  exportFeature,
  factsOf,
  grantOf,
  purchaseOf,
  reversalOf,
  revocationOf,
  seatsFeature,
} from './facts-of.ts';

type Piece = [from: number | null, ids: string[], to: number | null];

/** Purchases of 30 days each of price `p`, which carries `export` and `seats`. */
function queueOf(given: Partial<Facts>): Facts {
  return factsOf({
    features: [exportFeature, seatsFeature],
    carries: carriesOf({ priceId: 'p', accessDays: 30, features: { export: true, seats: 5 } }),
    ...given,
  });
}

function bought(id: string, days: number, given: Parameters<typeof purchaseOf>[0] = {}) {
  return purchaseOf({ id, purchasedAt: day(days), ...given });
}

/** Returns the days on which a feature is given, and by which source. */
function givenBy(facts: Facts, featureCode = 'export'): Piece[] {
  return compute(facts)
    .filter((segment) => segment.featureCode === featureCode && segment.reason === 'granted')
    .map((segment) => [
      daysOf(segment.validFrom),
      sourcesOf(segment).map(({ id }) => id),
      daysOf(segment.validTo),
    ]);
}

describe('a purchase after a plain revocation', () => {
  const revoked = { validFrom: day(5) };
  const cases: { guarantees: string; facts: Partial<Facts>; pieces: Piece[] }[] = [
    {
      guarantees: 'gives at once, and does not queue behind what the revocation takes',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf(revoked)],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 40],
      ],
    },
    {
      guarantees: 'is followed by the next one after it',
      facts: {
        purchases: [bought('a', 0), bought('b', 10), bought('c', 11)],
        revocations: [revocationOf(revoked)],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 40],
        [40, ['c'], 70],
      ],
    },
    {
      guarantees: 'rests once the one in front counts again after the end, and loses no day',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf({ ...revoked, validTo: day(12) })],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 12],
        [12, ['a'], 30],
        [30, ['b'], 58],
      ],
    },
    {
      guarantees: 'keeps what it gave and rests for the future where the revocation is lifted',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf({ ...revoked, liftedAt: day(15) })],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 15],
        [15, ['a'], 30],
        [30, ['b'], 55],
      ],
    },
    {
      guarantees: 'takes its turn as ever where the revocation was over when it was made',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf({ ...revoked, validTo: day(10) })],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['a'], 30],
        [30, ['b'], 60],
      ],
    },
    {
      guarantees: 'begins where a revocation to come takes the one in front',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf({ recordedAt: day(2), validFrom: day(20) })],
      },
      pieces: [
        [0, ['a'], 20],
        [20, ['b'], 50],
      ],
    },
    {
      guarantees: 'does not queue behind a later one that a second revocation takes',
      facts: {
        purchases: [bought('a', 0), bought('b', 10), bought('c', 20)],
        revocations: [
          revocationOf(revoked),
          revocationOf({ id: 'rv_2', validFrom: day(15), number: 3 }),
        ],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 15],
        [20, ['c'], 50],
      ],
    },
    {
      guarantees: 'queues behind the one before it while a second revocation is lifted',
      facts: {
        purchases: [bought('a', 0), bought('b', 10), bought('c', 20)],
        revocations: [
          revocationOf(revoked),
          revocationOf({ id: 'rv_2', validFrom: day(15), liftedAt: day(25), number: 3 }),
        ],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 15],
        [20, ['c'], 25],
        [25, ['b'], 40],
        [40, ['c'], 65],
      ],
    },
    {
      guarantees: 'made at the instant of the revocation is taken and queues as ever',
      facts: {
        purchases: [bought('a', 0), bought('b', 5)],
        revocations: [revocationOf({ ...revoked, validTo: day(40) })],
      },
      pieces: [
        [0, ['a'], 5],
        [40, ['b'], 60],
      ],
    },
    {
      guarantees: 'queues as ever where the revocation blocks, which takes them all',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        revocations: [revocationOf({ ...revoked, block: true, liftedAt: day(20) })],
      },
      pieces: [
        [0, ['a'], 5],
        [20, ['a'], 30],
        [30, ['b'], 60],
      ],
    },
    {
      guarantees: 'rests while a grant outweighs the revocation, and the one in front counts',
      facts: {
        purchases: [bought('a', 0), bought('b', 10)],
        grants: [grantOf({ validFrom: day(12), validTo: day(14), number: 3 })],
        revocations: [revocationOf(revoked)],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 12],
        [12, ['gr_1', 'a'], 14],
        [14, ['b'], 42],
      ],
    },
    {
      guarantees: 'moves up where the one in front is refunded while it rests, never into the past',
      facts: {
        purchases: [bought('a', 0, { refunds: [reversalOf(20)] }), bought('b', 10)],
        revocations: [revocationOf({ ...revoked, validTo: day(12) })],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 12],
        [12, ['a'], 20],
        [20, ['b'], 48],
      ],
    },
    {
      guarantees: 'is left alone by a refund of what the revocation took',
      facts: {
        purchases: [bought('a', 0, { refunds: [reversalOf(20)] }), bought('b', 10)],
        revocations: [revocationOf(revoked)],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 40],
      ],
    },
    {
      guarantees: 'that is refunded while it rests gives no more',
      facts: {
        purchases: [bought('a', 0), bought('b', 10, { refunds: [reversalOf(20)] })],
        revocations: [revocationOf({ ...revoked, validTo: day(12) })],
      },
      pieces: [
        [0, ['a'], 5],
        [10, ['b'], 12],
        [12, ['a'], 30],
      ],
    },
  ];
  test.each(cases)('$guarantees', ({ facts, pieces }) => {
    expect(givenBy(queueOf(facts))).toEqual(pieces);
  });

  test('follows the others for the features that are not revoked', () => {
    const facts = queueOf({
      purchases: [bought('a', 0), bought('b', 10)],
      revocations: [revocationOf(revoked)],
    });
    expect(givenBy(facts, 'seats')).toEqual([
      [0, ['a'], 30],
      [30, ['b'], 60],
    ]);
  });

  test('is explained as waiting while it rests, over the time from its first to its last day', () => {
    const facts = queueOf({
      purchases: [bought('a', 0), bought('b', 10)],
      revocations: [revocationOf({ ...revoked, validTo: day(12) })],
    });
    const whyOn = (days: number) =>
      explainAt(facts, 'export', day(days))
        .sources.filter(({ partId }) => partId === 'b')
        .map(({ why, validFrom, validTo }) => [why, daysOf(validFrom), daysOf(validTo)]);
    expect([9, 11, 20, 31, 58].map((days) => whyOn(days)[0])).toEqual([
      ['not_yet_valid', 10, 58],
      ['began_later', 10, 58],
      ['not_yet_valid', 10, 58],
      ['counts', 10, 58],
      ['expired', 10, 58],
    ]);
  });
});
