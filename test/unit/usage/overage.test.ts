import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketsAt } from '../../../src/usage/core/balance.ts';
import { consume, hold, type Outcome, reverse, settle } from '../../../src/usage/core/deeds.ts';
import type { Booking, UsageFacts } from '../../../src/usage/core/facts.ts';
import { reportOverage } from '../../../src/usage/core/overage.ts';
import { allowanceOf, changedTo, factsOf, on, rowOf, topUpOf } from './usage-of.ts';

const january = '2026-01-20';
const allow = { overage: 'allow', partial: false } as const;

/** Deeds one after the other, each with what it reports. */
function ledgerOf(facts: UsageFacts, at = january) {
  const state = { facts, at: on(at) };
  const report = (outcome: Outcome): { units: number; bookings: Booking[] } => {
    const reported = reportOverage(outcome, state.at);
    state.facts = reported.outcome.facts;
    return { units: reported.units, bookings: outcome.bookings };
  };
  return {
    state,
    consume: (amount: number) => report(consume(state.facts, amount, allow, state.at)),
    hold(amount: number, id: string) {
      const expiresAt = state.at + 3_600_000;
      state.facts = hold(state.facts, amount, { id, expiresAt, overage: 'allow' }, state.at).facts;
    },
    settle(id: string, amount: number) {
      const open = state.facts.holds.find((one) => one.id === id);
      if (open === undefined) throw new Error('there is no such hold');
      return report(settle(state.facts, open, amount, state.at));
    },
    reverse: ({ bookings }: { bookings: Booking[] }) =>
      report(reverse(state.facts, bookings, state.at)),
    goTo(date: string, next: UsageFacts['allowances'] = state.facts.allowances) {
      state.at = on(date);
      if (next !== 'unlimited') state.facts = changedTo(state.facts, date, next);
    },
  };
}

describe('overage that is reported', () => {
  test('is what a deed uses beyond the balance', () => {
    const ledger = ledgerOf(factsOf([allowanceOf(), topUpOf()]));
    expect(ledger.consume(140).units).toBe(0);
    expect(ledger.consume(15).units).toBe(5);
    expect(ledger.consume(7).units).toBe(7);
  });

  test('is nothing of what is unlimited', () => {
    expect(ledgerOf(factsOf('unlimited')).consume(1_000).units).toBe(0);
  });

  test('counts held units once they are used', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()]));
    ledger.hold(100, 'uh_1');
    ledger.hold(20, 'uh_2');
    expect(ledger.consume(30).units).toBe(0);
    expect(ledger.settle('uh_1', 100).units).toBe(30);
    expect(ledger.settle('uh_2', 0).units).toBe(0);
  });

  test('begins anew with a period', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()]));
    expect(ledger.consume(130).units).toBe(30);
    ledger.goTo('2026-02-15');
    expect(ledger.consume(100).units).toBe(0);
    expect(ledger.consume(4).units).toBe(4);
  });

  test('is not reported again after a top-up that paid for it', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()]));
    expect(ledger.consume(130).units).toBe(30);
    ledger.goTo('2026-01-21', [allowanceOf(), topUpOf({ from: on('2026-01-21') })]);
    // 50 more were given, so 150 are paid by allowances, and 30 were reported.
    expect(ledger.consume(50).units).toBe(0);
    expect(ledger.consume(10).units).toBe(10);
  });

  test('that was there before reporting began stays out', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()], { rows: [rowOf({ used: 120 })] }));
    expect(ledger.consume(3).units).toBe(3);
  });
});

describe('a reversal takes back', () => {
  test('reported units only as far as the balance is no longer overdrawn', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()]));
    const within = ledger.consume(80);
    const beyond = ledger.consume(50);
    expect(beyond.units).toBe(30);
    expect(ledger.reverse(within).units).toBe(-30);
    expect(ledger.reverse(beyond).units).toBe(0);
    expect(ledger.consume(101).units).toBe(1);
  });

  test('what was reported in a period that has ended, once', () => {
    const ledger = ledgerOf(factsOf([allowanceOf()]));
    const within = ledger.consume(10);
    const beyond = ledger.consume(100);
    ledger.goTo('2026-02-16');
    ledger.consume(105);
    expect(ledger.reverse(within).units).toBe(-10);
    expect(ledger.reverse(beyond).units).toBe(0);
  });
});

test('after any deeds within a period, the sum of reports is what was used beyond the balance', () => {
  const amount = fc.integer({ min: 1, max: 60 });
  const step = fc.oneof(
    fc.record({ do: fc.constant('consume'), amount }),
    fc.record({ do: fc.constant('hold'), amount }),
    fc.record({ do: fc.constant('settle'), amount: fc.integer({ min: 0, max: 80 }) }),
    fc.record({ do: fc.constant('reverse'), amount }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const ledger = ledgerOf(factsOf([allowanceOf(), topUpOf()]));
      const done: { bookings: Booking[] }[] = [];
      let sum = 0;
      for (const [number, one] of steps.entries()) {
        const [open] = ledger.state.facts.holds;
        if (one.do === 'hold') {
          ledger.hold(one.amount, `uh_${number}`);
          continue;
        }
        const given =
          one.do === 'reverse' ? done.splice(one.amount % (done.length + 1), 1)[0] : null;
        const entry =
          one.do === 'consume'
            ? ledger.consume(one.amount)
            : given !== null && given !== undefined
              ? ledger.reverse(given)
              : one.do === 'settle' && open !== undefined
                ? ledger.settle(open.id, one.amount)
                : null;
        if (entry === null) continue;
        if (one.do !== 'reverse') done.push(entry);
        sum += entry.units;
        const { facts, at } = ledger.state;
        const used = bucketsAt(facts, at).reduce((total, bucket) => total + bucket.used, 0);
        expect(sum).toBe(Math.max(0, used - 150));
        expect(facts.rows.reduce((total, row) => total + row.reported, 0)).toBe(sum);
      }
    }),
    { numRuns: 500 },
  );
});
