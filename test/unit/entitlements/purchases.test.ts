import { describe, expect, test } from 'vitest';

import type { PurchaseFact } from '../../../src/entitlements/core/facts.ts';
import type { PolicyFact } from '../../../src/entitlements/policy.ts';
import {
  carriesOf,
  factsOf,
  lenient,
  outline,
  purchaseOf,
  reversalOf,
  type OutlineEntry,
} from './facts-of.ts';

const before: OutlineEntry = [null, 'not_yet_valid', 0];
const kept: OutlineEntry[] = [before, [0, 'granted', null]];

function endedOn(days: number): OutlineEntry[] {
  return [before, [0, 'granted', days], [days, 'expired', null]];
}

interface Case {
  guarantees: string;
  purchase: Partial<PurchaseFact>;
  policy?: Partial<PolicyFact>;
  timeline: OutlineEntry[];
}

function tabled(cases: Case[]): void {
  test.each(cases)('$guarantees', ({ purchase, policy, timeline }) => {
    const facts = factsOf({ policy: { ...lenient, ...policy }, purchases: [purchaseOf(purchase)] });
    expect(outline(facts)).toEqual(timeline);
  });
}

/** Two lines of one subscription checkout, 300 of the 1000 that were paid. */
const invoiceLine = { ofInvoice: true, amount: 300 };

describe('a purchase', () => {
  tabled([
    { guarantees: 'without access_days lasts for ever', purchase: {}, timeline: kept },
    { guarantees: 'of quantity 0 is no reason', purchase: { quantity: 0 }, timeline: [] },
    {
      guarantees: 'of a price that carries nothing is no reason',
      purchase: { priceId: 'unmapped' },
      timeline: [],
    },
  ]);

  test('with access_days lasts that many times 24 hours', () => {
    const facts = factsOf({
      carries: carriesOf({ priceId: 'p', accessDays: 30 }),
      purchases: [purchaseOf()],
    });
    expect(outline(facts)).toEqual(endedOn(30));
  });
});

describe('a full refund', () => {
  tabled([
    {
      guarantees: 'ends access at the instant of the refund',
      purchase: { refunds: [reversalOf(3)] },
      timeline: endedOn(3),
    },
    {
      guarantees:
        'in parts ends access with the part that completes it, whatever order they come in',
      purchase: {
        refunds: [
          reversalOf(9, { amount: 100 }),
          reversalOf(5, { amount: 400 }),
          reversalOf(3, { amount: 600 }),
        ],
      },
      timeline: endedOn(5),
    },
    {
      guarantees: 'that is pending counts',
      purchase: { refunds: [reversalOf(3, { status: 'pending' })] },
      timeline: endedOn(3),
    },
    {
      guarantees: 'that requires action counts',
      purchase: { refunds: [reversalOf(3, { status: 'requires_action' })] },
      timeline: endedOn(3),
    },
    {
      guarantees: 'that failed gives access back',
      purchase: { refunds: [reversalOf(3, { status: 'failed' })] },
      timeline: kept,
    },
    {
      guarantees: 'that was canceled gives access back',
      purchase: { refunds: [reversalOf(3, { status: 'canceled' })] },
      timeline: kept,
    },
    {
      guarantees: 'of a status that is not known takes nothing away',
      purchase: { refunds: [reversalOf(3, { status: 'teleported' })] },
      timeline: kept,
    },
    {
      guarantees: 'is kept where the policy says so',
      purchase: { refunds: [reversalOf(3)] },
      policy: { refundFull: 'keep' },
      timeline: kept,
    },
    {
      guarantees: 'is kept where the policy says so, though a partial one would end it',
      purchase: { refunds: [reversalOf(3)] },
      policy: { refundFull: 'keep', refundPartial: 'revoke' },
      timeline: kept,
    },
    {
      guarantees: 'that is kept gives nothing back of what its parts took',
      purchase: { refunds: [reversalOf(5, { amount: 400 }), reversalOf(3, { amount: 600 })] },
      policy: { refundFull: 'keep', refundPartial: 'revoke' },
      timeline: endedOn(3),
    },
    {
      guarantees: 'that is kept gives nothing back of what a later, partial loss took',
      purchase: {
        refunds: [reversalOf(3)],
        disputes: [reversalOf(5, { amount: 400, status: 'lost' })],
      },
      policy: { refundFull: 'keep', refundPartial: 'revoke' },
      timeline: endedOn(5),
    },
    {
      guarantees: 'of more than was paid is a full one',
      purchase: { refunds: [reversalOf(3, { amount: 1001 })] },
      timeline: endedOn(3),
    },
    {
      guarantees: 'made at the purchase leaves nothing',
      purchase: { refunds: [reversalOf(0)] },
      timeline: [before, [0, 'expired', null]],
    },
  ]);
});

describe('a partial refund', () => {
  const partly = { refunds: [reversalOf(3, { amount: 999 })] };
  tabled([
    { guarantees: 'keeps access', purchase: partly, timeline: kept },
    {
      guarantees: 'ends access where the policy says so',
      purchase: partly,
      policy: { refundPartial: 'revoke' },
      timeline: endedOn(3),
    },
    {
      guarantees: 'that ended access has ended it, though the rest follows',
      purchase: { refunds: [reversalOf(5, { amount: 1 }), reversalOf(3, { amount: 999 })] },
      policy: { refundPartial: 'revoke' },
      timeline: endedOn(3),
    },
    {
      guarantees: 'of nothing is none',
      purchase: { refunds: [reversalOf(3, { amount: 0 })] },
      policy: { refundPartial: 'revoke' },
      timeline: kept,
    },
    {
      guarantees: 'of nothing is no full one of a free purchase',
      purchase: { amount: 0, paymentAmount: 0, refunds: [reversalOf(3, { amount: 0 })] },
      timeline: kept,
    },
    {
      guarantees: 'of one line’s amount keeps the lines of a payment together',
      purchase: { amount: 300, refunds: [reversalOf(3, { amount: 300 })] },
      timeline: kept,
    },
  ]);
});

describe('a one-time line of a subscription checkout', () => {
  tabled([
    {
      guarantees: 'ends when the refunded amount reaches its own',
      purchase: { ...invoiceLine, refunds: [reversalOf(3, { amount: 300 })] },
      timeline: endedOn(3),
    },
    {
      guarantees: 'is kept by a smaller refund',
      purchase: { ...invoiceLine, refunds: [reversalOf(3, { amount: 299 })] },
      timeline: kept,
    },
    {
      guarantees: 'ends with the whole payment, where that was less than its amount',
      purchase: { ...invoiceLine, paymentAmount: 200, refunds: [reversalOf(3, { amount: 200 })] },
      timeline: endedOn(3),
    },
    {
      guarantees: 'that was free is kept by a refund of something else',
      purchase: { ...invoiceLine, amount: 0, refunds: [reversalOf(3, { amount: 300 })] },
      timeline: kept,
    },
    {
      guarantees: 'that was free ends with the whole payment',
      purchase: { ...invoiceLine, amount: 0, refunds: [reversalOf(3)] },
      timeline: endedOn(3),
    },
  ]);
});

describe('a dispute', () => {
  const open = [
    'needs_response',
    'under_review',
    'warning_needs_response',
    'warning_under_review',
    'appeal_needs_response',
    'appeal_under_review',
  ];
  const withDispute = (status: string) => ({ disputes: [reversalOf(3, { status })] });
  tabled([
    ...open.flatMap((status): Case[] => [
      { guarantees: `${status} keeps access`, purchase: withDispute(status), timeline: kept },
      {
        guarantees: `${status} suspends access where the policy says so`,
        purchase: withDispute(status),
        policy: { disputeOpened: 'suspend' },
        timeline: endedOn(3),
      },
    ]),
    ...['won', 'warning_closed', 'prevented', 'unheard_of'].map((status): Case => ({
      guarantees: `${status} takes nothing away, whatever the policy`,
      purchase: withDispute(status),
      policy: { disputeOpened: 'suspend', refundPartial: 'revoke' },
      timeline: kept,
    })),
    { guarantees: 'lost counts as refunded', purchase: withDispute('lost'), timeline: endedOn(3) },
    {
      guarantees: 'lost and kept, where full refunds are',
      purchase: withDispute('lost'),
      policy: { refundFull: 'keep', disputeOpened: 'suspend' },
      timeline: kept,
    },
    {
      guarantees: 'lost in part adds up with refunds',
      purchase: {
        refunds: [reversalOf(6, { amount: 400 })],
        disputes: [reversalOf(3, { status: 'lost', amount: 600 })],
      },
      timeline: endedOn(6),
    },
    {
      guarantees: 'settled by a partial refund and won does not leave access suspended',
      purchase: {
        refunds: [reversalOf(6, { amount: 400 })],
        disputes: [reversalOf(3, { status: 'won' })],
      },
      policy: { disputeOpened: 'suspend' },
      timeline: kept,
    },
    {
      guarantees: 'the first of several open ones suspends',
      purchase: {
        disputes: [
          reversalOf(5, { status: 'needs_response' }),
          reversalOf(4, { status: 'under_review' }),
          reversalOf(3, { status: 'won' }),
        ],
      },
      policy: { disputeOpened: 'suspend' },
      timeline: endedOn(4),
    },
  ]);
});
