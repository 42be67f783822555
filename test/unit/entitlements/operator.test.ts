import { describe, expect, test } from 'vitest';

import type { Facts } from '../../../src/entitlements/facts.ts';
import {
  day,
  factsOf,
  grantOf,
  outline,
  purchaseOf,
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
      guarantees: 'takes the feature away over its window, whatever gives it',
      facts: {
        subscriptions: [subscriptionOf()],
        purchases: [purchaseOf()],
        grants: [grantOf({ number: 1 })],
        revocations: [revocationOf({ validFrom: day(2), validTo: day(4), number: 2 })],
      },
      timeline: [before, [0, 'granted', 2], [2, 'revoked', 4], [4, 'granted', null]],
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
        revocations: [revocationOf({ validFrom: day(-3), validTo: day(3) })],
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
