import { describe, expect, test } from 'vitest';

import { balanceOf, bucketsAt } from '../../../src/usage/core/balance.ts';
import {
  allowanceOf,
  balanceOn,
  bucketsOn,
  changedTo,
  consumed,
  consumeOn,
  daily,
  factsOf,
  heldOn,
  monthly,
  on,
  rowOf,
  topUpOf,
  yearly,
} from './usage-of.ts';

describe('a period', () => {
  test('is another bucket, without any news of the renewal', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 100);
    expect(balanceOn(facts, '2026-02-14')).toBe(0);
    expect(balanceOn(facts, '2026-02-15')).toBe(100);
  });

  test('of a month runs inside a yearly plan', () => {
    const facts = consumed(factsOf([allowanceOf({ startAt: on('2026-01-31') })]), '2026-02-28', 40);
    expect(bucketsOn(facts, '2026-03-30')).toEqual(['si_1 2026-02-28…2026-03-31: 100 - 40']);
  });

  test('is shown within the window of its source', () => {
    const late = allowanceOf({ from: on('2026-03-01'), to: on('2026-03-10') });
    expect(bucketsOn(factsOf([late]), '2026-03-02')).toEqual([
      'si_1 2026-03-01…2026-03-10: 100 - 0',
    ]);
  });

  test('takes what is left away with its source, and brings back its usage with it', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 30);
    const gone = { ...facts, allowances: [] };
    expect(balanceOn(gone, '2026-01-21')).toBe(0);
    expect(consumeOn(gone, '2026-01-21', 1, { overage: 'allow' }).units).toBe(0);
    expect(balanceOn({ ...gone, allowances: facts.allowances }, '2026-01-22')).toBe(70);
  });
});

describe('a trial', () => {
  const anchorAt = on('2026-04-15');
  const trialing = allowanceOf({ anchorAt });

  test('of any length is one bucket, and the first paid period another', () => {
    const facts = consumed(factsOf([trialing]), '2026-01-20', 60);
    expect(bucketsOn(facts, '2026-04-14')).toEqual(['si_1 2026-01-15…2026-04-15: 100 - 60']);
    expect(bucketsOn(facts, '2026-04-15')).toEqual(['si_1 2026-04-15…2026-05-15: 100 - 0']);
  });

  test('that is extended gives nothing new', () => {
    const facts = consumed(factsOf([trialing]), '2026-01-20', 60);
    const extended = changedTo(facts, '2026-04-01', [{ ...trialing, anchorAt: on('2026-05-01') }]);
    expect(bucketsOn(extended, '2026-04-20')).toEqual(['si_1 2026-01-15…2026-05-01: 100 - 60']);
  });

  test('that ends early begins the paid period at once', () => {
    const facts = consumed(factsOf([trialing]), '2026-01-20', 100);
    const paid = changedTo(facts, '2026-02-01', [{ ...trialing, anchorAt: on('2026-02-01') }]);
    expect(bucketsOn(paid, '2026-02-01')).toEqual(['si_1 2026-02-01…2026-03-01: 100 - 0']);
  });

  test('that turns out never to have been keeps its usage in the first period', () => {
    const facts = consumed(factsOf([trialing]), '2026-01-20', 60);
    const paid = changedTo(facts, '2026-01-21', [allowanceOf()]);
    expect(bucketsOn(paid, '2026-01-21')).toEqual(['si_1 2026-01-15…2026-02-15: 100 - 60']);
  });
});

describe('a change', () => {
  test('of the amount counts at once and keeps what was used', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 80);
    const more = changedTo(facts, '2026-01-21', [allowanceOf({ amount: 500 })]);
    expect(balanceOn(more, '2026-01-21')).toBe(420);
  });

  test('up, and down again after spending, leaves a negative balance until the period ends', () => {
    const basic = factsOf([allowanceOf({ amount: 100 })]);
    const pro = changedTo(basic, '2026-01-20', [allowanceOf({ amount: 1000 })]);
    const spent = consumed(pro, '2026-01-21', 1000);
    const back = changedTo(spent, '2026-01-22', [allowanceOf({ amount: 100 })]);
    expect(balanceOn(back, '2026-01-22')).toBe(-900);
    expect(balanceOn(back, '2026-02-14')).toBe(-900);
    expect(balanceOn(back, '2026-02-15')).toBe(100);
  });

  test.each([
    ['day', daily, 'si_1 2026-02-15…2026-02-16: 100 - 0'],
    ['year', yearly, 'si_1 2026-02-15…2027-01-15: 100 - 0'],
  ])('of `every` from month to %s begins after the month that is in use', (_, interval, next) => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 100);
    const edited = changedTo(facts, '2026-01-21', [allowanceOf({ interval })]);
    expect(balanceOn(edited, '2026-01-21')).toBe(0);
    expect(balanceOn(edited, '2026-02-14')).toBe(0);
    expect(bucketsOn(edited, '2026-02-15')).toEqual([next]);
  });

  test('of `every` brings its amount with the next period', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 90);
    const edited = changedTo(facts, '2026-01-21', [
      allowanceOf({ interval: yearly, amount: 5000 }),
    ]);
    expect(balanceOn(edited, '2026-02-14')).toBe(10);
    expect(balanceOn(edited, '2026-02-15')).toBe(5000);
  });

  test('of `every` counts at once where nothing is used', () => {
    const edited = changedTo(factsOf([allowanceOf()]), '2026-01-21', [
      allowanceOf({ interval: daily, amount: 3 }),
    ]);
    expect(bucketsOn(edited, '2026-01-21')).toEqual(['si_1 2026-01-21…2026-01-22: 3 - 0']);
  });

  test('of `every` from once to a month begins after the month in which units were last used', () => {
    const once = allowanceOf({ interval: null });
    const facts = consumed(factsOf([once]), '2026-03-20', 100);
    const edited = changedTo(facts, '2026-03-21', [allowanceOf()]);
    expect(balanceOn(edited, '2026-03-21')).toBe(0);
    expect(balanceOn(edited, '2026-04-14')).toBe(0);
    expect(balanceOn(edited, '2026-04-15')).toBe(100);
    const again = changedTo(edited, '2026-05-01', [once]);
    expect(balanceOn(again, '2026-05-01')).toBe(0);
  });

  test('of the anchor lets the month in use run out, and the next begin there', () => {
    const facts = consumed(factsOf([allowanceOf()]), '2026-01-20', 100);
    const moved = changedTo(facts, '2026-02-01', [allowanceOf({ anchorAt: on('2026-02-01') })]);
    expect(balanceOn(moved, '2026-02-14')).toBe(0);
    expect(bucketsOn(moved, '2026-02-15')).toEqual(['si_1 2026-02-15…2026-03-01: 100 - 0']);
    expect(bucketsOn(moved, '2026-03-01')).toEqual(['si_1 2026-03-01…2026-04-01: 100 - 0']);
  });

  test('of the start of a grant does not give its units again', () => {
    const grant = topUpOf({ startAt: on('2026-02-01') });
    const facts = consumed(factsOf([grant]), '2026-02-03', 50);
    const moved = changedTo(facts, '2026-02-04', [topUpOf({ startAt: on('2026-01-01') })]);
    expect(balanceOn(moved, '2026-02-04')).toBe(0);
  });
});

describe('the order of use', () => {
  const recurring = allowanceOf();

  test('is the bucket that ends first: a top-up without an end is kept', () => {
    const facts = consumed(factsOf([topUpOf(), recurring]), '2026-01-20', 120);
    expect(bucketsOn(facts, '2026-01-20')).toEqual([
      'si_1 2026-01-15…2026-02-15: 100 - 100',
      'li_1 2026-01-15…never: 50 - 20',
    ]);
  });

  test('is the bucket that ends first: a top-up that ends within the month goes before', () => {
    const short = topUpOf({ to: on('2026-02-01') });
    const facts = consumed(factsOf([recurring, short]), '2026-01-20', 60);
    expect(bucketsOn(facts, '2026-01-20')).toEqual([
      'li_1 2026-01-15…2026-02-01: 50 - 50',
      'si_1 2026-01-15…2026-02-15: 100 - 10',
    ]);
  });

  test('looks at when the source ends, not only at the period', () => {
    const ending = allowanceOf({ part: 'si_2', interval: yearly, to: on('2026-02-01') });
    expect(bucketsOn(factsOf([recurring, ending]), '2026-01-20')[0]).toContain('si_2');
  });

  test('at the same end is recurring before once, then the earlier start, then the part', () => {
    const to = on('2026-02-15');
    const facts = factsOf([
      topUpOf({ part: 'li_b', to }),
      topUpOf({ part: 'li_a', to }),
      topUpOf({ part: 'li_c', to, startAt: on('2026-01-10') }),
      recurring,
    ]);
    expect(bucketsAt(facts, on('2026-01-20')).map(({ part }) => part)).toEqual([
      ...['si_1', 'li_c', 'li_a', 'li_b'],
    ]);
  });
});

describe('the balance', () => {
  test('of an overdrawn bucket takes from a top-up until the period ends', () => {
    const rows = [rowOf({ used: 130 })];
    const facts = factsOf([allowanceOf(), topUpOf()], { rows });
    expect(balanceOn(facts, '2026-01-20')).toBe(20);
    expect(consumeOn(facts, '2026-01-20', 21).units).toBe(0);
    expect(balanceOn(facts, '2026-02-15')).toBe(150);
  });

  test('sums what is granted, carried over, used and held, and says how far it is below zero', () => {
    const facts = factsOf([allowanceOf(), topUpOf()], { rows: [rowOf({ used: 170 })] });
    expect(balanceOf(bucketsAt(facts, on('2026-01-20')))).toEqual({
      granted: 150,
      rolledOver: 0,
      used: 170,
      held: 0,
      balance: -20,
      overage: 20,
      resetsAt: on('2026-02-15'),
    });
  });

  test('resets with the next period, if the source has one', () => {
    const resetsAt = (given: Parameters<typeof allowanceOf>[0]) =>
      balanceOf(bucketsAt(factsOf([allowanceOf(given)]), on('2026-01-20'))).resetsAt;
    expect(resetsAt({})).toBe(on('2026-02-15'));
    expect(resetsAt({ anchorAt: on('2026-02-01') })).toBe(on('2026-02-01'));
    expect(resetsAt({ to: on('2026-02-15') })).toBeNull();
    expect(resetsAt({ interval: null })).toBeNull();
  });

  test('of what is unlimited has no end, its usage is counted, and no allowance pays for it', () => {
    const facts = consumed(factsOf('unlimited'), '2026-01-20', 7);
    expect(bucketsAt(facts, on('2026-01-20'))).toMatchObject([{ used: 7, amount: Infinity }]);
    expect(balanceOn(facts, '2026-01-20')).toBe(Infinity);
    expect(balanceOn(changedTo(facts, '2026-01-21', [allowanceOf()]), '2026-01-21')).toBe(100);
  });

  test('stays exact in the largest amounts', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const facts = factsOf([allowanceOf({ amount: most }), topUpOf({ amount: most })]);
    expect(balanceOn(facts, '2026-01-20')).toBe(most);
    expect(
      balanceOn(consumed(factsOf([allowanceOf({ amount: most })]), '2026-01-20', 1), '2026-01-20'),
    ).toBe(most - 1);
  });

  test('does not see holds or rows of other parts', () => {
    const { facts } = heldOn(
      factsOf([allowanceOf({ part: 'si_2' })]),
      '2026-01-20',
      5,
      '2026-01-21',
    );
    const other = { ...facts, allowances: [allowanceOf({ interval: monthly })] };
    expect(balanceOn(other, '2026-01-20')).toBe(100);
  });
});
