import { describe, expect, test } from 'vitest';

import type { Facts } from '../../../src/entitlements/core/facts.ts';
import {
  carriesOf,
  day,
  factsOf,
  grantOf,
  itemOf,
  outline,
  purchaseOf,
  reversalOf,
  revocationOf,
  subscriptionOf,
  type OutlineEntry,
} from './facts-of.ts';

interface Case {
  guarantees: string;
  facts: Partial<Facts>;
  timeline: OutlineEntry[];
}

function tabled(cases: Case[]): void {
  test.each(cases)('$guarantees', ({ facts, timeline }) => {
    expect(outline(factsOf(facts))).toEqual(timeline);
  });
}

const before: OutlineEntry = [null, 'not_yet_valid', 0];

describe('a grant', () => {
  tabled([
    {
      guarantees: 'gives access over its window',
      facts: { grants: [grantOf({ validTo: day(5) })] },
      timeline: [before, [0, 'granted', 5], [5, 'expired', null]],
    },
    {
      guarantees: 'ends where an operator ended it',
      facts: { grants: [grantOf({ validTo: day(5), endedAt: day(3) })] },
      timeline: [before, [0, 'granted', 3], [3, 'expired', null]],
    },
    {
      guarantees: 'is not made longer by being ended late',
      facts: { grants: [grantOf({ validTo: day(5), endedAt: day(9) })] },
      timeline: [before, [0, 'granted', 5], [5, 'expired', null]],
    },
    {
      guarantees: 'ended before it started never gives anything',
      facts: { grants: [grantOf({ endedAt: day(-2) })] },
      timeline: [
        [null, 'not_yet_valid', -2],
        [-2, 'expired', null],
      ],
    },
    {
      guarantees: 'of a feature that the project does not have is no reason',
      facts: { grants: [grantOf({ featureCode: 'other' })] },
      timeline: [],
    },
    {
      guarantees: 'with a value that does not fit the type is no reason and no last word',
      facts: {
        grants: [grantOf({ value: false, number: 9 })],
        revocations: [revocationOf({ validTo: day(5), number: 2 })],
      },
      timeline: [[0, 'revoked', 5]],
    },
  ]);
});

describe('a revocation', () => {
  tabled([
    {
      guarantees: 'takes the feature away over its window, whatever gave it before',
      facts: {
        subscriptions: [subscriptionOf()],
        purchases: [purchaseOf()],
        grants: [grantOf({ number: 1 })],
        revocations: [revocationOf({ validFrom: day(2), validTo: day(4), number: 2 })],
      },
      timeline: [before, [0, 'granted', 2], [2, 'revoked', 4], [4, 'granted', null]],
    },
    {
      guarantees: 'leaves what is subscribed to or bought after it was recorded',
      facts: {
        subscriptions: [
          subscriptionOf({ startDate: day(6), items: [itemOf({ createdAt: day(6) })] }),
        ],
        purchases: [purchaseOf({ refunds: [reversalOf(9)] })],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [before, [0, 'granted', 5], [5, 'revoked', 6], [6, 'granted', null]],
    },
    {
      guarantees: 'that blocks takes what is bought later, too, until it is lifted',
      facts: {
        purchases: [purchaseOf({ purchasedAt: day(6) })],
        revocations: [revocationOf({ validFrom: day(5), liftedAt: day(8), block: true })],
      },
      timeline: [
        [null, 'not_yet_valid', 5],
        [5, 'revoked', 8],
        [8, 'granted', null],
      ],
    },
    {
      guarantees:
        'takes what began in the second in which it was recorded: Stripe tells no fractions',
      facts: {
        purchases: [purchaseOf()],
        revocations: [revocationOf({ recordedAt: day(0) + 999 })],
      },
      timeline: [
        [null, 'not_yet_valid', 0],
        [0, 'revoked', null],
      ],
    },
    {
      guarantees: 'leaves what began a second after it was recorded',
      facts: {
        purchases: [purchaseOf()],
        revocations: [revocationOf({ recordedAt: day(0) - 1 })],
      },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'to come takes what had begun when it was recorded, not what begins until then',
      facts: {
        subscriptions: [subscriptionOf({ status: 'canceled', endedAt: day(12) })],
        purchases: [purchaseOf({ purchasedAt: day(12) })],
        revocations: [revocationOf({ recordedAt: day(2), validFrom: day(10), validTo: day(20) })],
      },
      timeline: [before, [0, 'granted', 10], [10, 'revoked', 12], [12, 'granted', null]],
    },
    {
      guarantees:
        'takes an item that changed its quantity or price, or was renewed: its start stays',
      facts: {
        subscriptions: [
          subscriptionOf({ items: [itemOf({ quantity: 7, currentPeriodEnd: day(90) })] }),
        ],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [before, [0, 'granted', 5], [5, 'revoked', null]],
    },
    {
      guarantees: 'leaves an item that was added to the subscription after it',
      facts: {
        subscriptions: [
          subscriptionOf({ items: [itemOf(), itemOf({ id: 'si_2', createdAt: day(7) })] }),
        ],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [before, [0, 'granted', 5], [5, 'revoked', 7], [7, 'granted', null]],
    },
    {
      guarantees: 'takes a subscription through its dunning, after which it is the same one',
      facts: {
        subscriptions: [subscriptionOf({ status: 'past_due', dunningAnchorAt: day(3) })],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [before, [0, 'granted', 5], [5, 'revoked', null]],
    },
    {
      guarantees: 'takes a purchase that was bought before it and whose turn comes after it',
      facts: {
        carries: carriesOf({ priceId: 'p', accessDays: 10 }),
        purchases: [purchaseOf(), purchaseOf({ id: 'li_2', purchasedAt: day(1) })],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [before, [0, 'granted', 5], [5, 'revoked', null]],
    },
    {
      guarantees: 'takes a grant that was recorded before it and begins after it',
      facts: {
        grants: [grantOf({ validFrom: day(7), number: 1 })],
        revocations: [revocationOf({ validFrom: day(5), number: 2 })],
      },
      timeline: [
        [null, 'not_yet_valid', 5],
        [5, 'revoked', null],
      ],
    },
    {
      guarantees: 'is outweighed by a grant that was recorded after it, once that begins',
      facts: {
        grants: [grantOf({ validFrom: day(7), number: 3 })],
        revocations: [revocationOf({ validFrom: day(5), number: 2, block: true })],
      },
      timeline: [
        [null, 'not_yet_valid', 5],
        [5, 'revoked', 7],
        [7, 'granted', null],
      ],
    },
    {
      guarantees: 'that blocks is not loosened by a plain one after it',
      facts: {
        purchases: [purchaseOf({ purchasedAt: day(6) })],
        revocations: [
          revocationOf({ validFrom: day(2), number: 1, block: true }),
          revocationOf({ id: 'rv_2', validFrom: day(5), number: 2 }),
        ],
      },
      timeline: [
        [null, 'not_yet_valid', 2],
        [2, 'revoked', null],
      ],
    },
    {
      guarantees: 'is no more the reason once what was bought after it has lapsed',
      facts: {
        subscriptions: [
          subscriptionOf({
            startDate: day(6),
            items: [itemOf({ createdAt: day(6) })],
            status: 'past_due',
            dunningAnchorAt: day(10),
          }),
        ],
        revocations: [revocationOf({ validFrom: day(5) })],
      },
      timeline: [
        [null, 'not_yet_valid', 5],
        [5, 'revoked', 6],
        [6, 'granted', 17],
        [17, 'payment_overdue', null],
      ],
    },
    {
      guarantees: 'is the reason where nothing gives the feature, too',
      facts: { revocations: [revocationOf({ validFrom: day(2), validTo: day(4) })] },
      timeline: [[2, 'revoked', 4]],
    },
    {
      guarantees: 'goes before every other reason for denial',
      facts: {
        subscriptions: [subscriptionOf({ status: 'incomplete' })],
        revocations: [revocationOf({ recordedAt: day(0), validFrom: day(-3), validTo: day(3) })],
      },
      timeline: [
        [null, 'not_yet_valid', -3],
        [-3, 'revoked', 3],
        [3, 'payment_overdue', null],
      ],
    },
    {
      guarantees: 'ends where it is lifted',
      facts: {
        subscriptions: [subscriptionOf()],
        revocations: [revocationOf({ validFrom: day(2), liftedAt: day(3) })],
      },
      timeline: [before, [0, 'granted', 2], [2, 'revoked', 3], [3, 'granted', null]],
    },
    {
      guarantees: 'lifted before it started does nothing',
      facts: {
        subscriptions: [subscriptionOf()],
        revocations: [revocationOf({ validFrom: day(2), liftedAt: day(1) })],
      },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'of another feature does nothing',
      facts: {
        subscriptions: [subscriptionOf()],
        revocations: [revocationOf({ featureCode: 'other' })],
      },
      timeline: [before, [0, 'granted', null]],
    },
  ]);
});

describe('the last word of the operator', () => {
  tabled([
    {
      guarantees: 'a week’s suspension leaves a lifetime grant as it was',
      facts: {
        grants: [grantOf({ number: 1 })],
        revocations: [revocationOf({ validFrom: day(10), validTo: day(17), number: 2 })],
      },
      timeline: [before, [0, 'granted', 10], [10, 'revoked', 17], [17, 'granted', null]],
    },
    {
      guarantees: 'a day’s goodwill leaves a ban as it was',
      facts: {
        grants: [grantOf({ validFrom: day(10), validTo: day(11), number: 2 })],
        revocations: [revocationOf({ number: 1 })],
      },
      timeline: [
        [null, 'not_yet_valid', 0],
        [0, 'revoked', 10],
        [10, 'granted', 11],
        [11, 'revoked', null],
      ],
    },
    {
      guarantees: 'is the one recorded last, not the one that starts last',
      facts: {
        grants: [grantOf({ validFrom: day(10), number: 1 })],
        revocations: [revocationOf({ validFrom: day(0), number: 2 })],
      },
      timeline: [
        [null, 'not_yet_valid', 0],
        [0, 'revoked', null],
      ],
    },
    {
      guarantees: 'a later revocation that does not cover the instant says nothing about it',
      facts: {
        grants: [grantOf({ number: 2 })],
        revocations: [
          revocationOf({ number: 1 }),
          revocationOf({ id: 'rv_2', validFrom: day(20), number: 3 }),
        ],
      },
      timeline: [before, [0, 'granted', 20], [20, 'revoked', null]],
    },
    {
      guarantees: 'lifting the last revocation brings back the word before it',
      facts: {
        grants: [grantOf({ number: 2 })],
        revocations: [
          revocationOf({ number: 1 }),
          revocationOf({ id: 'rv_2', validFrom: day(20), liftedAt: day(25), number: 3 }),
        ],
      },
      timeline: [before, [0, 'granted', 20], [20, 'revoked', 25], [25, 'granted', null]],
    },
    {
      guarantees: 'ending the grant that outweighs a ban brings the ban back',
      facts: {
        subscriptions: [subscriptionOf()],
        grants: [grantOf({ endedAt: day(8), number: 2 })],
        revocations: [revocationOf({ number: 1 })],
      },
      timeline: [before, [0, 'granted', 8], [8, 'revoked', null]],
    },
  ]);
});
