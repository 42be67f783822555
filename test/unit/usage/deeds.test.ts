import { describe, expect, test } from 'vitest';

import { type Outcome, reverse, settle } from '../../../src/usage/core/deeds.ts';
import type { UsageFacts } from '../../../src/usage/core/facts.ts';
import {
  allowanceOf,
  balanceOn,
  bucketsOn,
  changedTo,
  consumed,
  consumeOn,
  factsOf,
  heldOn,
  on,
  rowOf,
  topUpOf,
  yearly,
} from './usage-of.ts';

const both = [allowanceOf(), topUpOf()];

/** Where units went, as `part units`. */
function bookedBy({ bookings }: Outcome): string[] {
  return bookings.map(({ part, units }) => `${part} ${units}`);
}

function settleOn(facts: UsageFacts, at: string, amount: number): Outcome {
  const [open] = facts.holds;
  if (open === undefined) throw new Error('There is no hold.');
  return settle(facts, open, amount, on(at));
}

describe('consume', () => {
  test('takes all that is left, over several buckets, and not one unit more', () => {
    const outcome = consumeOn(factsOf(both), '2026-01-20', 150);
    expect(bookedBy(outcome)).toEqual(['si_1 100', 'li_1 50']);
    expect(outcome).toMatchObject({ units: 150, balance: { balance: 0 } });
    expect(consumeOn(outcome.facts, '2026-01-20', 1).units).toBe(0);
  });

  test('that is denied changes nothing', () => {
    const facts = factsOf(both);
    expect(consumeOn(facts, '2026-01-20', 151)).toMatchObject({
      ...{ units: 0, bookings: [], rows: [], facts, balance: { balance: 150 } },
    });
  });

  test('with `partial` takes what is left', () => {
    const outcome = consumeOn(factsOf(both), '2026-01-20', 151, { partial: true });
    expect(outcome).toMatchObject({ units: 150, balance: { balance: 0, overage: 0 } });
    expect(consumeOn(outcome.facts, '2026-01-20', 1, { partial: true }).units).toBe(0);
  });

  test('with `partial` takes nothing below zero', () => {
    const facts = factsOf([allowanceOf()], { rows: [rowOf({ used: 120 })] });
    expect(consumeOn(facts, '2026-01-20', 5, { partial: true }).units).toBe(0);
  });

  test('with overage allowed overdraws the bucket that ends last', () => {
    const year = allowanceOf({ part: 'si_2', interval: yearly });
    const outcome = consumeOn(factsOf([year, allowanceOf()]), '2026-01-20', 230, {
      overage: 'allow',
      partial: true,
    });
    expect(bookedBy(outcome)).toEqual(['si_1 100', 'si_2 130']);
    expect(outcome.balance).toMatchObject({ balance: -30, overage: 30 });
  });

  test('writes rows as they stand afterwards', () => {
    const first = consumeOn(factsOf([allowanceOf()]), '2026-01-20', 30);
    expect(consumeOn(first.facts, '2026-01-21', 20).rows).toEqual([
      rowOf({ used: 50, usedAt: on('2026-01-21') }),
    ]);
  });

  test('in a month that outlives a change of `every` leaves its row as it was, but for the usage', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 30);
    const edited = changedTo(facts, '2026-01-21', [allowanceOf({ interval: yearly, amount: 9 })]);
    expect(consumeOn(edited, '2026-01-22', 70).rows).toEqual([
      rowOf({ used: 100, usedAt: on('2026-01-22') }),
    ]);
  });
});

describe('a hold', () => {
  const held = heldOn(factsOf(both), '2026-01-20', 120, '2026-01-20T01:00');

  test('counts as used until its instant, and not from then on', () => {
    expect(held).toMatchObject({ units: 120, balance: { balance: 30, used: 0, held: 120 } });
    expect(consumeOn(held.facts, '2026-01-20T00:59', 31).units).toBe(0);
    expect(balanceOn(held.facts, '2026-01-20T01:00')).toBe(150);
  });

  test('that is denied keeps nothing', () => {
    const denied = heldOn(held.facts, '2026-01-20', 31, '2026-01-20T01:00');
    expect(denied).toMatchObject({ units: 0, bookings: [], rows: [], facts: held.facts });
  });

  test('gives back what was not used, the units that end last first', () => {
    const outcome = settleOn(held.facts, '2026-01-20T00:30', 70);
    expect(bookedBy(outcome)).toEqual(['si_1 70']);
    expect(outcome).toMatchObject({ units: 70, balance: { balance: 80, used: 70, held: 0 } });
  });

  test('takes more than it held from what is left', () => {
    const outcome = settleOn(held.facts, '2026-01-20T00:30', 130);
    expect(bookedBy(outcome)).toEqual(['si_1 100', 'li_1 30']);
    expect(outcome.balance).toMatchObject({ balance: 20, used: 130, held: 0 });
  });

  test('takes more even below zero, because the work is done', () => {
    const outcome = settleOn(held.facts, '2026-01-20T00:30', 170);
    expect(bookedBy(outcome)).toEqual(['si_1 100', 'li_1 70']);
    expect(outcome.balance).toMatchObject({ balance: -20, overage: 20 });
  });

  test('is released by an amount of 0', () => {
    const outcome = settleOn(held.facts, '2026-01-20T00:30', 0);
    expect(outcome).toMatchObject({ units: 0, bookings: [], balance: { balance: 150 } });
  });

  test('is settled where it was held, also after that period', () => {
    const late = heldOn(factsOf([allowanceOf()]), '2026-02-14T23:30', 100, '2026-02-15T00:30');
    const outcome = settleOn(late.facts, '2026-02-15', 110);
    expect(outcome.rows.map(({ periodStart, used }) => [periodStart, used])).toEqual([
      [on('2026-01-15'), 100],
      [on('2026-02-15'), 10],
    ]);
    expect(outcome.balance.balance).toBe(90);
  });

  test('is settled where it was held if no source is left', () => {
    const outcome = settleOn({ ...held.facts, allowances: [] }, '2026-01-20T00:30', 150);
    expect(bookedBy(outcome)).toEqual(['si_1 100', 'li_1 50']);
  });

  test('keeps a month from being replaced by a change of `every`', () => {
    const month = heldOn(factsOf([allowanceOf()]), '2026-01-20', 100, '2026-01-20T01:00').facts;
    const edited = changedTo(month, '2026-01-20', [allowanceOf({ interval: yearly })]);
    expect(balanceOn(edited, '2026-01-20T00:59')).toBe(0);
    expect(bucketsOn(edited, '2026-01-20T01:00')).toEqual(['si_1 2026-01-15…2027-01-15: 100 - 0']);
  });
});

describe('a reversal', () => {
  test('gives exactly what the entry took back to the same buckets', () => {
    const facts = consumed(factsOf(both), '2026-01-20', 20);
    const entry = consumeOn(facts, '2026-01-20', 120);
    const outcome = reverse(entry.facts, entry.bookings, on('2026-01-21'));
    expect(bookedBy(outcome)).toEqual(['si_1 -80', 'li_1 -40']);
    expect(outcome).toMatchObject({ units: -120, balance: { balance: 130 } });
    expect(bucketsOn(outcome.facts, '2026-01-21')).toEqual(bucketsOn(facts, '2026-01-21'));
  });

  test('of an ended period changes no other', () => {
    const entry = consumeOn(factsOf([allowanceOf()]), '2026-01-20', 100);
    const outcome = reverse(entry.facts, entry.bookings, on('2026-02-20'));
    expect(outcome.rows).toEqual([rowOf({ used: 0, usedAt: on('2026-01-20') })]);
    expect(outcome.balance.balance).toBe(100);
  });

  test('of a lost source waits there until the source is back', () => {
    const entry = consumeOn(factsOf([allowanceOf()]), '2026-01-20', 100);
    const gone = reverse({ ...entry.facts, allowances: [] }, entry.bookings, on('2026-01-21'));
    expect(gone.balance.balance).toBe(0);
    const back = { ...gone.facts, allowances: [allowanceOf()] };
    expect(balanceOn(back, '2026-01-22')).toBe(100);
  });
});
