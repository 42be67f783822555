import { describe, expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/compute.ts';
import type { PolicyFact, PurchaseFact } from '../../../src/entitlements/facts.ts';
import { sourceWindows } from '../../../src/entitlements/windows.ts';
import {
  carriesOf,
  day,
  daysOf,
  factsOf,
  lenient,
  outline,
  purchaseOf,
  reversalOf,
  seatsFeature,
  valueOn,
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

describe('repeated purchases with access_days', () => {
  interface QueueCase {
    guarantees: string;
    purchases: Partial<PurchaseFact>[];
    policy?: Partial<PolicyFact>;
    /** By purchase, in days; null = it never gives. */
    windows: Record<string, [number, number | null] | null>;
  }
  const inQueue = (id: string, days: number, given: Partial<PurchaseFact> = {}) => ({
    id,
    purchasedAt: day(days),
    ...given,
  });
  const refunded = (days: number) => ({ refunds: [reversalOf(days)] });

  function windowsOf({ purchases, policy }: QueueCase): QueueCase['windows'] {
    const facts = factsOf({
      policy: { ...lenient, ...policy },
      carries: carriesOf({ priceId: 'p', accessDays: 30 }, { priceId: 'q', accessDays: 10 }),
      purchases: purchases.map(purchaseOf),
    });
    return Object.fromEntries(
      sourceWindows(facts).map(({ ref, stretches }) => {
        const on = stretches.find(({ standing }) => standing === 'granted');
        return [ref.id, on === undefined ? null : [daysOf(on.from) ?? NaN, daysOf(on.to)]];
      }),
    );
  }

  const cases: QueueCase[] = [
    {
      guarantees: 'of one price follow one another',
      purchases: [inQueue('a', 2), inQueue('b', 1), inQueue('c', 0)],
      windows: { c: [0, 30], b: [30, 60], a: [60, 90] },
    },
    {
      guarantees: 'made at one instant follow one another by id',
      purchases: [inQueue('b', 0), inQueue('a', 0)],
      windows: { a: [0, 30], b: [30, 60] },
    },
    {
      guarantees: 'made after the last one ran out start when they are made',
      purchases: [inQueue('a', 0), inQueue('b', 40)],
      windows: { a: [0, 30], b: [40, 70] },
    },
    {
      guarantees: 'of different prices run side by side',
      purchases: [inQueue('a', 0), inQueue('b', 1, { priceId: 'q' })],
      windows: { a: [0, 30], b: [1, 11] },
    },
    {
      guarantees: 'last no longer for a larger quantity',
      purchases: [inQueue('a', 0, { quantity: 3 }), inQueue('b', 1)],
      windows: { a: [0, 30], b: [30, 60] },
    },
    {
      guarantees: 'of quantity 0 take no turn',
      purchases: [inQueue('a', 0, { quantity: 0 }), inQueue('b', 1)],
      windows: { a: null, b: [1, 31] },
    },
    {
      guarantees: 'move up to the instant at which the running one was refunded, not before',
      purchases: [inQueue('a', 0, refunded(10)), inQueue('b', 1), inQueue('c', 2)],
      windows: { a: [0, 10], b: [10, 40], c: [40, 70] },
    },
    {
      guarantees: 'move up where one was refunded whose turn had not come',
      purchases: [inQueue('a', 0), inQueue('b', 1, refunded(10)), inQueue('c', 2)],
      windows: { a: [0, 30], b: null, c: [30, 60] },
    },
    {
      guarantees: 'stay where they are when one that ran out is refunded',
      purchases: [inQueue('a', 0, refunded(45)), inQueue('b', 1), inQueue('c', 2)],
      windows: { a: [0, 30], b: [30, 60], c: [60, 90] },
    },
    {
      guarantees: 'start no earlier than they were made when the one in front is refunded',
      purchases: [inQueue('a', 0, refunded(10)), inQueue('b', 20)],
      windows: { a: [0, 10], b: [20, 50] },
    },
    {
      guarantees: 'are each refunded where they stood when the money came back',
      purchases: [
        inQueue('a', 0, refunded(10)),
        inQueue('b', 1, refunded(20)),
        inQueue('c', 2, refunded(5)),
        inQueue('d', 3),
      ],
      windows: { a: [0, 10], b: [10, 20], c: null, d: [20, 50] },
    },
    {
      guarantees: 'go back when the refund fails',
      purchases: [
        inQueue('a', 0, { refunds: [reversalOf(10, { status: 'failed' })] }),
        inQueue('b', 1),
      ],
      windows: { a: [0, 30], b: [30, 60] },
    },
    {
      guarantees: 'keep their turns where the policy keeps refunded ones',
      purchases: [inQueue('a', 0, refunded(10)), inQueue('b', 1)],
      policy: { refundFull: 'keep' },
      windows: { a: [0, 30], b: [30, 60] },
    },
    {
      guarantees: 'move up while the one in front is suspended by a dispute',
      purchases: [
        inQueue('a', 0, { disputes: [reversalOf(10, { status: 'needs_response' })] }),
        inQueue('b', 1),
      ],
      policy: { disputeOpened: 'suspend' },
      windows: { a: [0, 10], b: [10, 40] },
    },
    {
      guarantees: 'stay moved up when that dispute is lost',
      purchases: [
        inQueue('a', 0, { disputes: [reversalOf(10, { status: 'lost' })] }),
        inQueue('b', 1),
      ],
      policy: { disputeOpened: 'suspend' },
      windows: { a: [0, 10], b: [10, 40] },
    },
  ];
  test.each(cases)('$guarantees', (queue) => {
    expect(windowsOf(queue)).toEqual(queue.windows);
  });

  test('side by side without access_days add their values up', () => {
    const facts = factsOf({
      features: [{ ...seatsFeature, merge: 'sum', perQuantity: true }],
      carries: carriesOf({ priceId: 'p', features: { seats: 5 } }),
      purchases: [purchaseOf({ quantity: 3 }), purchaseOf({ id: 'li_2', purchasedAt: day(10) })],
    });
    expect([valueOn(facts, 'seats', 0), valueOn(facts, 'seats', 10)]).toEqual([15, 20]);
  });

  test('are one unbroken access, carried by each in turn', () => {
    const facts = factsOf({
      carries: carriesOf({ priceId: 'p', accessDays: 30 }),
      purchases: [purchaseOf({ id: 'a' }), purchaseOf({ id: 'b' })],
    });
    expect(
      compute(facts)
        .filter(({ reason }) => reason === 'granted')
        .map(({ validFrom, validTo, sources }) => [
          daysOf(validFrom),
          daysOf(validTo),
          sources.map(({ id }) => id),
        ]),
    ).toEqual([
      [0, 30, ['a']],
      [30, 60, ['b']],
    ]);
  });

  test('that would end beyond what can be written as an instant have no end', () => {
    const facts = factsOf({
      carries: carriesOf({ priceId: 'p', accessDays: 2 ** 31 - 1 }),
      purchases: [purchaseOf()],
    });
    expect(outline(facts)).toEqual(kept);
  });
});
