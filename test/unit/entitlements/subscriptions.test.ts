import { describe, expect, test } from 'vitest';

import type { SubscriptionFact } from '../../../src/entitlements/core/facts.ts';
import {
  carriesOf,
  day,
  factsOf,
  itemOf,
  lenient,
  outline,
  subscriptionOf,
  type OutlineEntry,
} from './facts-of.ts';

interface Case {
  guarantees: string;
  subscription: Partial<SubscriptionFact>;
  timeline: OutlineEntry[];
}

function tabled(cases: Case[]): void {
  test.each(cases)('$guarantees', ({ subscription, timeline }) => {
    expect(outline(factsOf({ subscriptions: [subscriptionOf(subscription)] }))).toEqual(timeline);
  });
}

const before: OutlineEntry = [null, 'not_yet_valid', 0];

describe('status', () => {
  tabled([
    {
      guarantees: 'active gives access, past its period end too: no news is no evidence',
      subscription: { status: 'active' },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'trialing gives access',
      subscription: { status: 'trialing' },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'past_due gives access until exactly the anchor plus the grace',
      subscription: { status: 'past_due', dunningAnchorAt: day(30) },
      timeline: [before, [0, 'granted', 37], [37, 'payment_overdue', null]],
    },
    {
      guarantees: 'past_due without an anchor keeps access',
      subscription: { status: 'past_due' },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'past_due that is to be canceled inside the grace ends there',
      subscription: { status: 'past_due', dunningAnchorAt: day(30), cancelAt: day(33) },
      timeline: [before, [0, 'granted', 33], [33, 'expired', null]],
    },
    {
      guarantees: 'past_due that is to be canceled after the grace is overdue in between',
      subscription: { status: 'past_due', dunningAnchorAt: day(30), cancelAt: day(40) },
      timeline: [before, [0, 'granted', 37], [37, 'payment_overdue', 40], [40, 'expired', null]],
    },
    {
      guarantees: 'unpaid is off at the anchor, without a grace',
      subscription: { status: 'unpaid', dunningAnchorAt: day(30) },
      timeline: [before, [0, 'granted', 30], [30, 'payment_overdue', null]],
    },
    {
      guarantees: 'unpaid without an anchor gives nothing',
      subscription: { status: 'unpaid' },
      timeline: [before, [0, 'payment_overdue', null]],
    },
    {
      guarantees: 'unpaid is overdue until the end of the subscription',
      subscription: { status: 'unpaid', dunningAnchorAt: day(30), cancelAt: day(50) },
      timeline: [before, [0, 'granted', 30], [30, 'payment_overdue', 50], [50, 'expired', null]],
    },
    {
      guarantees: 'paused gives access until it was paused',
      subscription: { status: 'paused', pausedAt: day(14) },
      timeline: [before, [0, 'granted', 14], [14, 'payment_overdue', null]],
    },
    {
      guarantees: 'paused at no known instant gives nothing',
      subscription: { status: 'paused' },
      timeline: [before, [0, 'payment_overdue', null]],
    },
    {
      guarantees: 'incomplete gives nothing and is overdue',
      subscription: { status: 'incomplete' },
      timeline: [before, [0, 'payment_overdue', null]],
    },
    {
      guarantees: 'incomplete_expired never gave anything and is over',
      subscription: { status: 'incomplete_expired', endedAt: day(1) },
      timeline: [[null, 'expired', null]],
    },
    {
      guarantees: 'canceled gave access until it ended',
      subscription: { status: 'canceled', canceledAt: day(10), endedAt: day(30) },
      timeline: [before, [0, 'granted', 30], [30, 'expired', null]],
    },
    {
      guarantees: 'canceled with no known end gave access until the cancellation',
      subscription: { status: 'canceled', canceledAt: day(10), cancelAt: day(90) },
      timeline: [before, [0, 'granted', 10], [10, 'expired', null]],
    },
    {
      guarantees: 'canceled that tells no instant never gave anything',
      subscription: { status: 'canceled' },
      timeline: [[null, 'expired', null]],
    },
    {
      guarantees: 'a status whose effect was never known denies and is no reason',
      subscription: { status: 'hibernating' },
      timeline: [],
    },
  ]);
});

describe('end', () => {
  tabled([
    {
      guarantees: 'ended_at goes before cancel_at',
      subscription: { endedAt: day(5), cancelAt: day(9) },
      timeline: [before, [0, 'granted', 5], [5, 'expired', null]],
    },
    {
      guarantees: 'cancel_at ends access by the clock, without cancel_at_period_end',
      subscription: { cancelAt: day(9) },
      timeline: [before, [0, 'granted', 9], [9, 'expired', null]],
    },
    {
      guarantees: 'cancel_at goes before the period end',
      subscription: { cancelAt: day(45), cancelAtPeriodEnd: true },
      timeline: [before, [0, 'granted', 45], [45, 'expired', null]],
    },
    {
      guarantees: 'cancel_at_period_end ends all items with the earliest period',
      subscription: {
        cancelAtPeriodEnd: true,
        items: [
          itemOf({ currentPeriodEnd: day(365) }),
          itemOf({ id: 'si_2', priceId: 'unmapped', currentPeriodEnd: day(30) }),
        ],
      },
      timeline: [before, [0, 'granted', 30], [30, 'expired', null]],
    },
    {
      guarantees: 'canceled_at alone, of one that still runs, ends nothing',
      subscription: { canceledAt: day(3) },
      timeline: [before, [0, 'granted', null]],
    },
  ]);
});

describe('items', () => {
  tabled([
    {
      guarantees: 'an item added later starts later',
      subscription: { items: [itemOf({ createdAt: day(12) })] },
      timeline: [
        [null, 'not_yet_valid', 12],
        [12, 'granted', null],
      ],
    },
    {
      guarantees: 'an item starts no earlier than its subscription',
      subscription: { startDate: day(4) },
      timeline: [
        [null, 'not_yet_valid', 4],
        [4, 'granted', null],
      ],
    },
    {
      guarantees: 'an item added after the grace gives nothing',
      subscription: {
        status: 'past_due',
        dunningAnchorAt: day(0),
        items: [itemOf({ createdAt: day(12) })],
      },
      timeline: [
        [null, 'not_yet_valid', 12],
        [12, 'payment_overdue', null],
      ],
    },
    {
      guarantees: 'quantity 0 is off and no reason',
      subscription: { items: [itemOf({ quantity: 0 })] },
      timeline: [],
    },
    {
      guarantees: 'a metered item, without quantity, is on',
      subscription: { items: [itemOf({ quantity: null })] },
      timeline: [before, [0, 'granted', null]],
    },
    {
      guarantees: 'an item whose price carries nothing is no reason',
      subscription: { items: [itemOf({ priceId: 'unmapped' })] },
      timeline: [],
    },
    {
      guarantees: 'a subscription without items is no reason',
      subscription: { items: [] },
      timeline: [],
    },
  ]);

  test('each item gives what its own price carries', () => {
    const facts = factsOf({
      carries: carriesOf({ priceId: 'p', features: {} }, { priceId: 'q' }),
      subscriptions: [subscriptionOf({ items: [itemOf(), itemOf({ id: 'si_2', priceId: 'q' })] })],
    });
    expect(outline(facts)).toEqual([before, [0, 'granted', null]]);
  });

  test('a price named like a property of every object is not mistaken for a mapped one', () => {
    const facts = factsOf({
      carries: {},
      subscriptions: [subscriptionOf({ items: [itemOf({ priceId: 'constructor' })] })],
    });
    expect(outline(facts)).toEqual([]);
  });
});

test('the grace is the project’s, to the day', () => {
  const subscriptions = [subscriptionOf({ status: 'past_due', dunningAnchorAt: day(30) })];
  const endWith = (graceDays: number) =>
    outline(factsOf({ policy: { ...lenient, graceDays }, subscriptions }))[1]?.[2];
  expect([endWith(0), endWith(1), endWith(30)]).toEqual([30, 31, 60]);
});

test('a grace that ends beyond what can be written as an instant has no end', () => {
  const facts = factsOf({
    policy: { ...lenient, graceDays: 2 ** 31 },
    subscriptions: [subscriptionOf({ status: 'past_due', dunningAnchorAt: day(30) })],
  });
  expect(outline(facts)).toEqual([before, [0, 'granted', null]]);
});
