import { describe, expect, test } from 'vitest';
import { disputedAmounts } from '../../../src/entitlements/core/disputed.ts';

const charge = { amount: 10_000, currency: 'usd' };

function lost(amount: number, currency = 'usd', createdAt = 1) {
  return { id: `du_${createdAt}`, amount, currency, status: 'lost', createdAt };
}

function refund(amount: number, status = 'succeeded') {
  return { id: 're_1', amount, status, createdAt: 0 };
}

describe('what a lost dispute takes', () => {
  test.each([
    ['the whole, at the rate of another day', lost(9_731), 10_000],
    ['the whole, with what the bank adds', lost(10_260), 10_000],
    ['the whole, at the limit of 5 %', lost(9_500), 10_000],
    ['a part, below that', lost(9_499), 9_499],
    ['the whole, in the currency of the buyer', lost(1_200, 'eur'), 10_000],
    ['its amount, where that is all', lost(10_000), 10_000],
  ])('is %s', (_, dispute, taken) => {
    expect(disputedAmounts(charge, [], [dispute])).toEqual([taken]);
  });

  test('is measured by the rest after refunds, failed ones excluded', () => {
    const refunds = [refund(4_000), refund(1_000, 'failed'), refund(500, 'canceled')];
    expect(disputedAmounts(charge, refunds, [lost(5_850)])).toEqual([6_000]);
    expect(disputedAmounts(charge, refunds, [lost(5_000)])).toEqual([5_000]);
  });

  test('is measured by the rest after earlier ones, in any order of arrival', () => {
    const [second, first] = [lost(5_850, 'usd', 2), lost(4_000, 'usd', 1)];
    expect(disputedAmounts(charge, [], [second, first])).toEqual([6_000, 4_000]);
  });

  test('is its amount where nothing is left', () => {
    expect(disputedAmounts(charge, [refund(10_000)], [lost(9_731)])).toEqual([9_731]);
  });
});
