import { describe, expect, test } from 'vitest';

import { compute } from '../../../src/entitlements/core/compute.ts';
import type { PurchaseFact } from '../../../src/entitlements/core/facts.ts';
import type { PolicyFact } from '../../../src/entitlements/policy.ts';
import { sourceWindows } from '../../../src/entitlements/core/windows.ts';
import { sourcesOf } from '../../../src/entitlements/core/segment-sources.ts';
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
} from './facts-of.ts';

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
      sourceWindows(facts).map(({ ref, lifecycle }) => {
        const on = lifecycle.find(({ standing }) => standing === 'granted');
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
        .map((segment) => [
          daysOf(segment.validFrom),
          daysOf(segment.validTo),
          sourcesOf(segment).map(({ id }) => id),
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
    expect(outline(facts)).toEqual([
      [null, 'not_yet_valid', 0],
      [0, 'granted', null],
    ]);
  });
});
