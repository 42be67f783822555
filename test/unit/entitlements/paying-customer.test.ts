import { describe, expect, it } from 'vitest';
import {
  choosePayingCustomer,
  type UserCustomer,
} from '../../../src/entitlements/core/paying-customer.ts';

let made = 0;

/** Each is younger than the one before. */
function customer(id: string, more: Partial<UserCustomer> = {}): UserCustomer {
  made += 1;
  const createdAt = new Date(made * 1_000);
  return { id, isPrimary: false, createdAt, subscriptionStatuses: [], purchases: 0, ...more };
}

const chosen = (...customers: UserCustomer[]) => {
  const ids = [customers, customers.toReversed()].map((each) => choosePayingCustomer(each)?.id);
  expect(new Set(ids).size, 'the order in which they are given does not matter').toBe(1);
  return ids[0];
};

it('a user without customers has none', () => {
  expect(choosePayingCustomer([])).toBeNull();
});

describe('goes first', () => {
  it.each(['active', 'trialing', 'past_due', 'unpaid', 'paused', 'a_status_of_next_year'])(
    'a customer with a subscription that is %s, before purchases and the primary',
    (status) => {
      expect(
        chosen(
          customer('abandoned', { isPrimary: true }),
          customer('bought', { purchases: 3 }),
          customer('pays', { subscriptionStatuses: ['canceled', status] }),
        ),
      ).toBe('pays');
    },
  );

  it('a customer with a purchase, or with a subscription that is over, before the primary', () => {
    const abandoned = customer('abandoned', { isPrimary: true });
    expect(chosen(abandoned, customer('bought', { purchases: 1 }))).toBe('bought');
    expect(chosen(abandoned, customer('left', { subscriptionStatuses: ['canceled'] }))).toBe(
      'left',
    );
  });

  it.each(['incomplete', 'incomplete_expired'])(
    'the primary before one whose subscription is %s: nothing was paid',
    (status) => {
      expect(
        chosen(
          customer('tried', { subscriptionStatuses: [status] }),
          customer('primary', { isPrimary: true }),
        ),
      ).toBe('primary');
    },
  );

  it('of two that pay the primary, else the oldest, else the lower id', () => {
    const pays = { subscriptionStatuses: ['active'] };
    const [older, younger] = [customer('older', pays), customer('younger', pays)];
    expect(chosen(older, younger)).toBe('older');
    expect(chosen(older, { ...younger, isPrimary: true })).toBe('younger');
    expect(chosen(older, { ...younger, createdAt: older.createdAt })).toBe('older');
  });
});
