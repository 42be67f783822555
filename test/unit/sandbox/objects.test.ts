import { afterEach, beforeEach, expect, it } from 'vitest';
import { monthlyPrice, openFixture, subscribe, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

it('a copy of the state shows every object by kind, with whole lists and references as ids', async () => {
  const { sandbox, stripe } = fixture;
  const prices = await Promise.all(Array.from({ length: 12 }, () => monthlyPrice(stripe)));
  const { id, customer } = await subscribe(fixture, {
    items: prices.map((price) => ({ price: price.id })),
  });
  const { subscriptions, subscriptionItems, customers } = sandbox.objects(
    'subscriptions',
    'subscriptionItems',
    'customers',
  );
  expect(subscriptions).toMatchObject([{ id, customer, status: 'active' }]);
  expect(subscriptionItems.map(({ price }) => price)).toEqual(prices.map((price) => price.id));
  expect(customers.map((one) => one.id)).toEqual([customer]);
});

it('a copy stays as it was, and cannot be changed', async () => {
  const { sandbox } = fixture;
  const { id } = await subscribe(fixture);
  const before = sandbox.objects('subscriptions');
  await sandbox.billing.cancelNow(id);
  expect(before.subscriptions[0]?.status).toBe('active');
  expect(sandbox.objects('subscriptions').subscriptions[0]?.status).toBe('canceled');
  expect(() => Object.assign(before.subscriptions[0] ?? {}, { status: 'paused' })).toThrow();
});
