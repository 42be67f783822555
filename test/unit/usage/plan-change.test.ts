import { describe, expect, test } from 'vitest';

import { allowanceOf, balanceOn, bucketsOn, changedTo, consumed, factsOf } from './usage-of.ts';
import { daily, monthly, on, yearly } from './usage-of.ts';

const month = allowanceOf();

/** The plan of 1,200 units a year. Stripe counts its periods from the change. */
const yearFrom = (at: string) =>
  allowanceOf({ amount: 1_200, interval: yearly, priceId: 'price_year', anchorAt: on(at) });

const monthFrom = (at: string) => allowanceOf({ anchorAt: on(at) });

describe('a change of plan to another interval', () => {
  test('gives the new amount at once, less what the running period has used', () => {
    const spent = consumed(factsOf([month]), '2026-01-20', 100);
    const changed = changedTo(spent, '2026-01-25', [yearFrom('2026-01-25')]);
    expect(bucketsOn(changed, '2026-01-25')).toEqual(['si_1 2026-01-15…2027-01-25: 1200 - 100']);
    expect(balanceOn(changed, '2027-01-24')).toBe(1_100);
    expect(bucketsOn(changed, '2027-01-25')).toEqual(['si_1 2027-01-25…2028-01-25: 1200 - 0']);
  });

  test('does not depend on whether units are used between the change and the old end', () => {
    const spent = consumed(factsOf([month]), '2026-01-20', 100);
    const changed = changedTo(spent, '2026-01-25', [yearFrom('2026-01-25')]);
    const used = consumed(changed, '2026-01-26', 1);
    expect(balanceOn(changed, '2026-03-01')).toBe(1_100);
    expect(balanceOn(used, '2026-03-01')).toBe(1_099);
  });

  test('leaves nothing of a plan that was bought, spent and changed back', () => {
    const spent = consumed(factsOf([month]), '2026-01-20', 100);
    const bought = changedTo(spent, '2026-01-25', [yearFrom('2026-01-25')]);
    const used = consumed(bought, '2026-01-26', 500);
    const back = changedTo(used, '2026-01-27', [monthFrom('2026-01-27')]);
    expect(bucketsOn(back, '2026-01-27')).toEqual(['si_1 2026-01-15…2026-02-27: 100 - 600']);
    expect(bucketsOn(back, '2026-02-27')).toEqual(['si_1 2026-02-27…2026-03-27: 100 - 0']);
    expect(bucketsOn(consumed(back, '2026-02-28', 10), '2026-03-28')).toEqual([
      'si_1 2026-03-27…2026-04-27: 100 - 0',
    ]);
  });

  test('begins afresh if the last period in use had ended', () => {
    const spent = consumed(factsOf([month]), '2026-01-20', 100);
    const changed = changedTo(spent, '2026-03-01', [yearFrom('2026-03-01')]);
    expect(bucketsOn(changed, '2026-03-01')).toEqual(['si_1 2026-03-01…2027-03-01: 1200 - 0']);
  });

  test('takes the amount of another interval away at once even if the anchor stays', () => {
    const perDay = allowanceOf({ amount: 5, interval: daily, priceId: 'price_day' });
    const spent = consumed(factsOf([month]), '2026-01-20', 40);
    const changed = changedTo(spent, '2026-01-20T12:00', [perDay]);
    expect(bucketsOn(changed, '2026-01-20T12:00')).toEqual(['si_1 2026-01-15…2026-01-21: 5 - 40']);
    expect(bucketsOn(changed, '2026-01-21')).toEqual(['si_1 2026-01-21…2026-01-22: 5 - 0']);
  });

  test('gives an amount that comes once, less what the running period has used', () => {
    const single = allowanceOf({ amount: 500, interval: null, priceId: 'price_once' });
    const changed = changedTo(consumed(factsOf([month]), '2026-01-20', 100), '2026-01-25', [
      single,
    ]);
    expect(bucketsOn(changed, '2026-06-01')).toEqual(['si_1 2026-01-15…never: 500 - 100']);
    const back = changedTo(changed, '2026-06-01', [allowanceOf({ interval: monthly })]);
    expect(balanceOn(back, '2026-06-01')).toBe(100);
  });

  test('takes an amount that came once away at once', () => {
    const single = allowanceOf({ amount: 500, interval: null, priceId: 'price_once' });
    const spent = consumed(factsOf([single]), '2026-01-20', 100);
    const changed = changedTo(spent, '2026-01-25', [month]);
    expect(bucketsOn(changed, '2026-01-25')).toEqual(['si_1 2026-01-15…2026-02-15: 100 - 100']);
    expect(bucketsOn(changed, '2026-02-15')).toEqual(['si_1 2026-02-15…2026-03-15: 100 - 0']);
  });
});
