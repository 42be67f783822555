import { describe, expect, test } from 'vitest';

import {
  allowanceOf,
  balanceOn,
  bucketsOn,
  changedTo,
  consumed,
  daily,
  factsOf,
  heldOn,
  knownAs,
  on,
  rowOf,
} from './usage-of.ts';
import { reverse } from '../../../src/usage/core/deeds.ts';

const one = { max: 1000, periods: 1 };
const two = { max: 1000, periods: 2 };

describe('what a period left unused', () => {
  test('is carried over into the next, and used first', () => {
    const facts = consumed(factsOf([allowanceOf({ rollover: one })]), '2026-01-20', 70);
    expect(bucketsOn(facts, '2026-02-15')).toEqual(['si_1 2026-02-15…2026-03-15: 100 + 30 - 0']);
    const next = consumed(facts, '2026-02-20', 30);
    // February's own 100 are whole.
    expect(bucketsOn(next, '2026-03-15')).toEqual(['si_1 2026-03-15…2026-04-15: 100 + 100 - 0']);
  });

  test('is passed on for as long as each period uses what was carried into it', () => {
    const facts = consumed(factsOf([allowanceOf({ rollover: one })]), '2026-01-20', 70);
    const spent = consumed(consumed(facts, '2026-02-20', 100), '2026-03-20', 100);
    // January's 30 paid for the first units of February, whose last 30 paid for the first of March.
    expect(balanceOn(spent, '2026-04-14')).toBe(30);
    expect(balanceOn(spent, '2026-04-15')).toBe(130);
  });

  test('lives for as many periods as the rule says', () => {
    const unused = (rollover: typeof one) =>
      balanceOn(factsOf([allowanceOf({ rollover })]), '2027-01-20');
    expect(unused(one)).toBe(200);
    expect(unused(two)).toBe(300);
  });

  test('is the same however many unused periods came before', () => {
    const rollover = { max: 5_000, periods: 12 };
    const facts = factsOf([allowanceOf({ interval: daily, rollover })]);
    expect(balanceOn(facts, '2026-02-15')).toBe(1_300);
    expect(balanceOn(facts, '9999-12-15')).toBe(1_300);
  });

  test('is at most `max`', () => {
    const rollover = { max: 50, periods: 2 };
    const facts = consumed(factsOf([allowanceOf({ rollover })]), '2026-01-20', 70);
    expect(balanceOn(facts, '2026-02-15')).toBe(130);
    expect(balanceOn(facts, '2026-03-15')).toBe(150);
  });

  test('loses the units that would die first if it is more than `max`', () => {
    const rollover = { max: 50, periods: 2 };
    const unused = factsOf([allowanceOf({ amount: 40, rollover })]);
    const less = changedTo(unused, '2026-03-16', [allowanceOf({ amount: 10, rollover })]);
    const facts = consumed(less, '2026-03-20', 20);
    // 10 of January's and 40 of February's were carried into March, which used 10 of each.
    expect(bucketsOn(facts, '2026-04-15')).toEqual(['si_1 2026-04-15…2026-05-15: 10 + 40 - 0']);
  });

  test('is never a debt', () => {
    const facts = factsOf([allowanceOf({ rollover: one })], { rows: [rowOf({ used: 250 })] });
    expect(balanceOn(facts, '2026-02-15')).toBe(100);
  });

  test('of a trial is carried into the first paid period', () => {
    const trialing = allowanceOf({ rollover: one, anchorAt: on('2026-02-01') });
    const facts = consumed(factsOf([trialing]), '2026-01-20', 60);
    expect(balanceOn(facts, '2026-02-01')).toBe(140);
  });

  test('does not count what an open hold keeps, and counts it when the hold has expired', () => {
    const facts = factsOf([allowanceOf({ rollover: one })]);
    const held = heldOn(facts, '2026-02-14T23:30', 40, '2026-02-15T00:30').facts;
    expect(balanceOn(held, '2026-02-15')).toBe(160);
    expect(balanceOn(held, '2026-02-15T00:30')).toBe(200);
  });

  test('grows when an entry of that period is reversed', () => {
    const facts = consumed(factsOf([allowanceOf({ rollover: one })]), '2026-01-20', 70);
    const entry = [{ part: 'si_1', periodStart: on('2026-01-15'), units: 70 }];
    expect(balanceOn(reverse(facts, entry, on('2026-02-20')).facts, '2026-02-20')).toBe(200);
  });
});

describe('nothing is carried over', () => {
  test('from before a break of the source', () => {
    const resumed = allowanceOf({ rollover: two, from: on('2026-02-01') });
    expect(balanceOn(factsOf([resumed]), '2026-02-10')).toBe(100);
    // The period in which the source resumed is carried over, and none before it.
    expect(balanceOn(factsOf([resumed]), '2026-02-15')).toBe(200);
    expect(balanceOn(factsOf([resumed]), '2026-03-15')).toBe(300);
    expect(balanceOn(factsOf([{ ...resumed, from: on('2026-02-15') }]), '2026-02-15')).toBe(100);
  });

  test('from a period whose end the service did not see', () => {
    const allowance = allowanceOf({ rollover: two });
    const past = [{ ...knownAs(allowance), from: on('2026-02-20') }];
    expect(balanceOn(factsOf([allowance], { past }), '2026-02-20')).toBe(100);
    expect(balanceOn(factsOf([allowance], { past }), '2026-03-15')).toBe(200);
  });

  test('from a period that began before its source, as contradictory facts have it', () => {
    const allowance = allowanceOf({ rollover: two });
    const later = allowanceOf({ startAt: on('2026-06-01'), from: on('2026-01-15'), rollover: two });
    expect(balanceOn(factsOf([allowance], { past: [knownAs(later)] }), '2026-02-15')).toBe(100);
  });

  test('above the amount that a period had when it ended: an upgrade creates no units of the past', () => {
    const basic = factsOf([allowanceOf({ amount: 10, rollover: two })]);
    const pro = changedTo(basic, '2026-03-20', [allowanceOf({ amount: 1000, rollover: two })]);
    expect(bucketsOn(pro, '2026-03-20')).toEqual(['si_1 2026-03-15…2026-04-15: 1000 + 20 - 0']);
  });

  test('above the amount at the end of a period: neither does an upgrade that is taken back', () => {
    const basic = factsOf([allowanceOf({ amount: 10, rollover: one })]);
    const pro = changedTo(basic, '2026-01-20', [allowanceOf({ amount: 1000, rollover: one })]);
    const spent = consumed(pro, '2026-01-20', 4);
    const back = changedTo(spent, '2026-01-21', [allowanceOf({ amount: 10, rollover: one })]);
    expect(balanceOn(back, '2026-02-15')).toBe(16);
  });

  test('from periods that ended without a rule, by a rule that came later', () => {
    const edited = changedTo(factsOf([allowanceOf()]), '2026-03-20', [
      allowanceOf({ rollover: two }),
    ]);
    expect(balanceOn(edited, '2026-03-20')).toBe(100);
    expect(balanceOn(edited, '2026-04-15')).toBe(200);
  });

  test('as soon as the rule is gone, and at most as much as the rule says now', () => {
    const facts = factsOf([allowanceOf({ rollover: two })]);
    const lower = allowanceOf({ rollover: { max: 5, periods: 2 } });
    expect(balanceOn(changedTo(facts, '2026-03-20', [allowanceOf()]), '2026-03-20')).toBe(100);
    expect(balanceOn(changedTo(facts, '2026-03-20', [lower]), '2026-03-20')).toBe(105);
  });

  test('from a month that a change of `every` cut short, but what was carried into it stays', () => {
    const facts = consumed(factsOf([allowanceOf({ rollover: one })]), '2026-01-20', 70);
    const edited = changedTo(facts, '2026-02-20', [
      allowanceOf({ rollover: one, interval: daily, amount: 1 }),
    ]);
    expect(bucketsOn(edited, '2026-02-20')).toEqual(['si_1 2026-02-20…2026-02-21: 1 + 30 - 0']);
    expect(bucketsOn(edited, '2026-02-21')).toEqual(['si_1 2026-02-21…2026-02-22: 1 + 1 - 0']);
  });
});
