import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  eventTypes,
  idOf,
  monthlyPrice,
  openFixture,
  refusal,
  seconds,
  startAt,
  subscribe,
  type Fixture,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const firstPeriodEnd = Date.UTC(2026, 1, 15, 12);
const secondPeriodEnd = Date.UTC(2026, 2, 15, 12);

const scheduleEvents = async (): Promise<string[]> =>
  (await eventTypes(fixture.stripe)).filter((type) => type.startsWith('subscription_schedule.'));

/** The prices of a subscription's items, with their quantities. */
async function pricesOf(id: string): Promise<[string, number | undefined][]> {
  const { items } = await fixture.stripe.subscriptions.retrieve(id);
  return items.data.map(({ price, quantity }) => [price.id, quantity]);
}

/** A subscription whose price changes to another at the end of the first period. */
async function scheduleChange(
  params: { end_behavior?: 'cancel' | 'release'; proration_behavior?: 'none' } = {},
) {
  const { stripe } = fixture;
  const subscription = await subscribe(fixture);
  const before = subscription.items.data[0]?.price.id ?? '';
  const after = await monthlyPrice(stripe, 3000);
  const { id } = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const schedule = await stripe.subscriptionSchedules.update(id, {
    end_behavior: params.end_behavior ?? 'release',
    phases: [
      {
        items: [{ price: before }],
        start_date: seconds(startAt),
        end_date: seconds(firstPeriodEnd),
      },
      {
        items: [{ price: after.id, quantity: 2 }],
        duration: { interval: 'month', interval_count: 1 },
        metadata: { phase: 'second' },
        proration_behavior: params.proration_behavior ?? 'create_prorations',
      },
    ],
  });
  return { subscription, before, after: after.id, schedule };
}

describe('a schedule from a subscription', () => {
  it('takes over what there is as its first phase', async () => {
    const { stripe } = fixture;
    const subscription = await subscribe(fixture);
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    expect(schedule).toMatchObject({
      status: 'active',
      subscription: subscription.id,
      current_phase: { start_date: seconds(startAt), end_date: seconds(firstPeriodEnd) },
      phases: [{ items: [{ price: subscription.items.data[0]?.price.id, quantity: 1 }] }],
    });
    expect((await stripe.subscriptions.retrieve(subscription.id)).schedule).toBe(schedule.id);
    expect(await scheduleEvents()).toEqual(['subscription_schedule.created']);
  });

  it('changes nothing before the phase begins, and then the item, which is billed at its price', async () => {
    const { sandbox, stripe } = fixture;
    const { subscription, before, after, schedule } = await scheduleChange();
    await sandbox.clock.advanceTo(firstPeriodEnd - 1000);
    expect(await pricesOf(subscription.id)).toEqual([[before, 1]]);
    await sandbox.clock.advanceTo(firstPeriodEnd);
    expect(await pricesOf(subscription.id)).toEqual([[after, 2]]);
    const changed = await stripe.subscriptions.retrieve(subscription.id);
    expect(changed.items.data[0]).toMatchObject({
      id: subscription.items.data[0]?.id,
      current_period_end: seconds(secondPeriodEnd),
    });
    expect(changed.metadata).toEqual({ phase: 'second' });
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(invoice?.lines.data.map(({ amount }) => amount)).toEqual([6000]);
    expect((await stripe.subscriptionSchedules.retrieve(schedule.id)).current_phase).toEqual({
      start_date: seconds(firstPeriodEnd),
      end_date: seconds(secondPeriodEnd),
    });
  });

  it('is released after its last phase: the subscription continues', async () => {
    const { sandbox, stripe } = fixture;
    const { subscription, schedule } = await scheduleChange();
    await sandbox.clock.advanceTo(secondPeriodEnd);
    expect(await stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      status: 'released',
      released_at: seconds(secondPeriodEnd),
      released_subscription: subscription.id,
      subscription: null,
      current_phase: null,
    });
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: 'active',
      schedule: null,
    });
    expect((await scheduleEvents()).slice(-2)).toEqual([
      'subscription_schedule.expiring',
      'subscription_schedule.released',
    ]);
  });

  it('is completed after its last phase if it ends the subscription', async () => {
    const { sandbox, stripe } = fixture;
    const { subscription, schedule } = await scheduleChange({ end_behavior: 'cancel' });
    await sandbox.clock.advanceTo(secondPeriodEnd + dayMs);
    expect(await stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      status: 'completed',
      completed_at: seconds(secondPeriodEnd),
    });
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: 'canceled',
      ended_at: seconds(secondPeriodEnd),
    });
    expect((await scheduleEvents()).at(-1)).toBe('subscription_schedule.completed');
  });

  it('that is released by hand changes nothing any more', async () => {
    const { sandbox, stripe } = fixture;
    const { subscription, before, schedule } = await scheduleChange();
    await stripe.subscriptionSchedules.release(schedule.id);
    await sandbox.clock.advanceTo(firstPeriodEnd);
    expect(await pricesOf(subscription.id)).toEqual([[before, 1]]);
    expect((await refusal(stripe.subscriptionSchedules.release(schedule.id))).statusCode).toBe(400);
  });

  it('that is canceled ends its subscription', async () => {
    const { stripe } = fixture;
    const { subscription, schedule } = await scheduleChange();
    expect((await stripe.subscriptionSchedules.cancel(schedule.id)).status).toBe('canceled');
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
    expect((await scheduleEvents()).at(-1)).toBe('subscription_schedule.canceled');
  });

  it('ends with its subscription', async () => {
    const { stripe } = fixture;
    const { subscription, schedule } = await scheduleChange();
    await stripe.subscriptions.cancel(subscription.id);
    expect((await stripe.subscriptionSchedules.retrieve(schedule.id)).status).toBe('canceled');
  });

  it('keeps its subscription’s end to itself, and is the only one', async () => {
    const { stripe } = fixture;
    const { subscription } = await scheduleChange();
    const end = stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    expect((await refusal(end)).message).toContain('managed by the subscription schedule');
    const second = stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
    expect((await refusal(second)).statusCode).toBe(400);
  });
});

describe('a schedule of its own', () => {
  it('makes its subscription when its time comes', async () => {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    const price = await monthlyPrice(stripe);
    const starts = startAt + 10 * dayMs;
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: seconds(starts),
      phases: [{ items: [{ price: price.id }], metadata: { user_id: 'ann' } }],
    });
    expect(schedule).toMatchObject({ status: 'not_started', subscription: null });
    const waiting = await stripe.subscriptionSchedules.list({
      customer: customer.id,
      scheduled: true,
    });
    expect(waiting.data.map(({ id }) => id)).toEqual([schedule.id]);
    expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
    await sandbox.clock.advanceTo(starts);
    const [subscription] = (await stripe.subscriptions.list({ customer: customer.id })).data;
    expect(subscription).toMatchObject({
      status: 'active',
      schedule: schedule.id,
      start_date: seconds(starts),
      metadata: { user_id: 'ann' },
    });
    const begun = await stripe.subscriptionSchedules.retrieve(schedule.id, {
      expand: ['subscription'],
    });
    expect(begun).toMatchObject({ status: 'active', subscription: { id: subscription?.id } });
  });

  it('begins now by default; phases may be trials and have several items', async () => {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    const [one, other] = [await monthlyPrice(stripe), await monthlyPrice(stripe)];
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      phases: [
        { items: [{ price: one.id }], trial: true, duration: { interval: 'week' } },
        { items: [{ price: one.id }, { price: other.id }], duration: { interval: 'month' } },
        { items: [{ price: other.id }] },
      ],
    });
    const id = idOf(schedule.subscription);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('trialing');
    await sandbox.clock.advance(7 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    expect((await pricesOf(id)).map(([price]) => price)).toEqual([one.id, other.id]);
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice?.lines.data.map(({ amount }) => amount)).toEqual([1000, 1000]);
    await sandbox.clock.advance(31 * dayMs);
    expect((await pricesOf(id)).map(([price]) => price)).toEqual([other.id]);
  });

  it('goes with its customer', async () => {
    const { stripe } = fixture;
    const customer = await stripe.customers.create({});
    const price = await monthlyPrice(stripe);
    const { id } = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: seconds(startAt + dayMs),
      phases: [{ items: [{ price: price.id }] }],
    });
    await stripe.customers.del(customer.id);
    expect((await stripe.subscriptionSchedules.retrieve(id)).status).toBe('canceled');
  });

  it('that is canceled before it begins makes nothing', async () => {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    const price = await monthlyPrice(stripe);
    const { id } = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: seconds(startAt + dayMs),
      phases: [{ items: [{ price: price.id }] }],
    });
    await stripe.subscriptionSchedules.cancel(id);
    await sandbox.clock.advance(2 * dayMs);
    expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
  });
});
