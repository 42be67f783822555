import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
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

const hourMs = 3_600_000;
const firstPeriodEnd = Date.UTC(2026, 1, 15, 12);
const halfway = (startAt + firstPeriodEnd) / 2;

/** The amounts of the lines of a subscription's latest invoice. */
async function latestAmounts(id: string): Promise<number[]> {
  const subscription = await fixture.stripe.subscriptions.retrieve(id, {
    expand: ['latest_invoice'],
  });
  const invoice = subscription.latest_invoice as Stripe.Invoice | null;
  return invoice?.lines.data.map(({ amount }) => amount) ?? [];
}

async function yearlyPrice(amount = 12_000): Promise<Stripe.Price> {
  return fixture.stripe.prices.create({
    currency: 'usd',
    unit_amount: amount,
    recurring: { interval: 'year' },
    product_data: { name: 'Yearly' },
  });
}

describe('prorations', () => {
  /** Doubles the quantity in the middle of the period. */
  async function double(behavior: 'always_invoice' | 'create_prorations' | 'none') {
    const { sandbox, stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    await sandbox.clock.advanceTo(halfway);
    await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', quantity: 2 }],
      proration_behavior: behavior,
    });
    return id;
  }

  it('are invoiced at once (always_invoice)', async () => {
    const id = await double('always_invoice');
    expect(await latestAmounts(id)).toEqual([-500, 1000]);
    const [invoice] = (await fixture.stripe.invoices.list({ subscription: id })).data;
    expect(invoice).toMatchObject({ billing_reason: 'subscription_update', status: 'paid' });
  });

  it('wait for the next invoice (create_prorations)', async () => {
    const id = await double('create_prorations');
    expect(await latestAmounts(id)).toEqual([1000]);
    await fixture.sandbox.clock.advanceTo(firstPeriodEnd);
    expect(await latestAmounts(id)).toEqual([-500, 1000, 2000]);
  });

  it('are not made (none)', async () => {
    const id = await double('none');
    await fixture.sandbox.clock.advanceTo(firstPeriodEnd);
    expect(await latestAmounts(id)).toEqual([2000]);
  });

  it('to another interval come with the new period, which is billed at once', async () => {
    const { sandbox, stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    const yearly = await yearlyPrice();
    await sandbox.clock.advanceTo(halfway);
    await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: yearly.id }],
    });
    expect(await latestAmounts(id)).toEqual([-500, 12_000]);
  });

  it('come with an anchor that is set to now: a whole period begins', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.clock.advanceTo(halfway);
    const changed = await stripe.subscriptions.update(id, {
      billing_cycle_anchor: { type: 'now' },
    });
    expect(changed.billing_cycle_anchor).toBe(seconds(halfway));
    expect(changed.items.data[0]?.current_period_start).toBe(seconds(halfway));
    expect(await latestAmounts(id)).toEqual([-500, 1000]);
  });
});

describe('a start', () => {
  it('may lie in the past, which is billed by default', async () => {
    const backdated = Date.UTC(2025, 11, 31, 12);
    const billed = await subscribe(fixture, { backdate_start_date: seconds(backdated) });
    expect(billed).toMatchObject({ start_date: seconds(backdated), created: seconds(startAt) });
    expect(billed.billing_mode.type).toBe('flexible');
    // Fifteen of the month's thirty-one days.
    expect(await latestAmounts(billed.id)).toEqual([484, 1000]);
    const free = await subscribe(fixture, {
      backdate_start_date: seconds(backdated),
      proration_behavior: 'none',
    });
    expect(await latestAmounts(free.id)).toEqual([1000]);
  });

  it('may count its periods from a later day: the time before it is a part of one', async () => {
    const { sandbox, stripe } = fixture;
    const anchor = Date.UTC(2026, 0, 31, 0);
    const { id, items } = await subscribe(fixture, { billing_cycle_anchor: seconds(anchor) });
    expect(items.data[0]?.current_period_end).toBe(seconds(anchor));
    expect(await latestAmounts(id)).toEqual([500]);
    await sandbox.clock.advanceTo(anchor);
    const renewed = await stripe.subscriptions.retrieve(id);
    expect(renewed.items.data[0]?.current_period_end).toBe(seconds(Date.UTC(2026, 1, 28, 0)));
  });

  it('may be free by a coupon of 100 %: its invoices are paid without a payment', async () => {
    const { sandbox, stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'forever' });
    const { id, status } = await subscribe(fixture, { discounts: [{ coupon: coupon.id }] });
    expect(status).toBe('active');
    await sandbox.clock.advance(32 * dayMs);
    const { data } = await stripe.invoices.list({ subscription: id });
    expect(data.map((invoice) => [invoice.status, invoice.amount_due])).toEqual([
      ['paid', 0],
      ['paid', 0],
    ]);
    expect((await stripe.charges.list()).data).toEqual([]);
  });

  it('that is free by a coupon stays so through an upgrade', async () => {
    const { stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'forever' });
    const { id, items } = await subscribe(fixture, {
      discounts: [{ coupon: coupon.id }],
      billing_mode: { type: 'flexible', flexible: { proration_discounts: 'itemized' } },
    });
    const dearer = await monthlyPrice(stripe, 3000);
    await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: dearer.id }],
      proration_behavior: 'always_invoice',
    });
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice).toMatchObject({ subtotal: 2000, total: 0, status: 'paid' });
  });

  it('may have one-time prices on its first invoice', async () => {
    const { stripe } = fixture;
    const product = await stripe.products.create({ name: 'Set-up' });
    const once = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 700,
    });
    const { id } = await subscribe(fixture, { add_invoice_items: [{ price: once.id }] });
    expect(await latestAmounts(id)).toEqual([700, 1000]);
  });
});

describe('an end', () => {
  it('may be the first or the last end of periods that differ', async () => {
    const { stripe } = fixture;
    const [monthly, yearly] = [await monthlyPrice(stripe), await yearlyPrice()];
    const items = [{ price: monthly.id }, { price: yearly.id }];
    const first = await subscribe(fixture, { items, cancel_at: 'min_period_end' });
    expect(first).toMatchObject({
      cancel_at: seconds(firstPeriodEnd),
      cancel_at_period_end: false,
    });
    const last = await stripe.subscriptions.update(first.id, { cancel_at: 'max_period_end' });
    expect(last.cancel_at).toBe(seconds(Date.UTC(2027, 0, 15, 12)));
  });
});

describe('a trial without a card', () => {
  /** A trial without a card, a day after its end. */
  async function ended(behavior: 'cancel' | 'create_invoice' | 'pause') {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    await sandbox.billing.setCard(customer.id, false);
    const {
      id,
      status,
      default_payment_method: method,
    } = await subscribe(fixture, {
      customer: customer.id,
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: behavior } },
    });
    expect([status, method]).toEqual(['trialing', null]);
    await sandbox.clock.advance(8 * dayMs);
    return stripe.subscriptions.retrieve(id);
  }

  it('ends the subscription (cancel)', async () => {
    expect(await ended('cancel')).toMatchObject({
      status: 'canceled',
      ended_at: seconds(startAt + 7 * dayMs),
    });
  });

  it('pauses it, and says since when and why (pause)', async () => {
    const { stripe } = fixture;
    const paused = await ended('pause');
    expect(paused).toMatchObject({
      status: 'paused',
      status_details: {
        paused: {
          type: 'subscription',
          subscription: { type: 'trial_end_without_payment_method' },
          transitioned_at: seconds(startAt + 7 * dayMs),
        },
      },
    });
    expect((await eventTypes(stripe)).slice(-2)).toEqual([
      'customer.subscription.updated',
      'customer.subscription.paused',
    ]);
  });

  it('leaves an invoice that cannot be collected (create_invoice)', async () => {
    const { stripe } = fixture;
    const owing = await ended('create_invoice');
    expect(owing.status).toBe('past_due');
    expect((await stripe.invoices.retrieve(idOf(owing.latest_invoice))).status).toBe('open');
  });

  it('becomes a paid one where a card is added in time', async () => {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    await sandbox.billing.setCard(customer.id, false);
    const { id } = await subscribe(fixture, {
      customer: customer.id,
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: 'cancel' } },
    });
    await sandbox.billing.setCard(customer.id, true);
    await sandbox.clock.advance(8 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  });
});

describe('a pause', () => {
  it('records the instant of a pause; resuming restarts the period, or keeps it', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.clock.advance(5 * dayMs);
    const paused = await stripe.subscriptions.pause(id, { type: 'subscription' });
    expect(paused.status_details?.paused).toEqual({
      type: 'subscription',
      subscription: { type: 'pause_requested' },
      transitioned_at: seconds(startAt + 5 * dayMs),
    });
    await sandbox.clock.advance(5 * dayMs);
    const kept = await stripe.subscriptions.resume(id, {
      billing_cycle_anchor: { type: 'unchanged' },
    });
    expect(kept).toMatchObject({ status: 'active' });
    expect(kept.status_details).toBeUndefined();
    expect(kept.items.data[0]?.current_period_end).toBe(seconds(firstPeriodEnd));
    await stripe.subscriptions.pause(id);
    const anew = await stripe.subscriptions.resume(id);
    expect(anew.items.data[0]?.current_period_start).toBe(seconds(startAt + 10 * dayMs));
  });

  it('of the collection ends at its instant', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await stripe.subscriptions.update(id, {
      pause_collection: { behavior: 'keep_as_draft', resumes_at: seconds(startAt + 40 * dayMs) },
    });
    await sandbox.clock.advance(39 * dayMs);
    const [draft] = (await stripe.invoices.list({ subscription: id })).data;
    expect(draft?.status).toBe('draft');
    await sandbox.clock.advance(dayMs);
    const resumed = await stripe.subscriptions.retrieve(id);
    expect(resumed).toMatchObject({ status: 'active', pause_collection: null });
  });
});

describe('items', () => {
  it('of more than ten are listed apart', async () => {
    const { stripe } = fixture;
    const prices = [];
    for (let made = 0; made < 23; made += 1) {
      prices.push((await monthlyPrice(stripe)).id);
    }
    const { id, items } = await subscribe(fixture, { items: prices.map((price) => ({ price })) });
    expect([items.data.length, items.has_more]).toEqual([10, true]);
    const all: string[] = [];
    for await (const item of stripe.subscriptionItems.list({ subscription: id, limit: 10 })) {
      all.push(item.price.id);
    }
    expect(all).toEqual(prices);
  });

  it('that the subscription does not show make an event when they change', async () => {
    const { stripe } = fixture;
    const prices = [];
    for (let made = 0; made < 12; made += 1) {
      prices.push((await monthlyPrice(stripe)).id);
    }
    const { id } = await subscribe(fixture, { items: prices.map((price) => ({ price })) });
    const { data: hidden } = await stripe.subscriptionItems.list({ subscription: id, limit: 100 });
    await stripe.subscriptionItems.update(hidden[11]?.id ?? '', { quantity: 5 });
    const [event] = (await stripe.events.list()).data;
    expect(event).toMatchObject({
      type: 'customer.subscription.updated',
      data: { object: { id, items: { has_more: true } } },
    });
  });

  it('may be metered, without a quantity', async () => {
    const { stripe } = fixture;
    const meter = await stripe.billing.meters.create({
      display_name: 'Calls',
      event_name: 'calls',
      default_aggregation: { formula: 'sum' },
    });
    const metered = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
      product_data: { name: 'Calls' },
    });
    const { items } = await subscribe(fixture, { items: [{ price: metered.id }] });
    expect(items.data[0]).not.toHaveProperty('quantity');
    expect(items.data[0]?.price.recurring?.usage_type).toBe('metered');
  });

  it('are added, changed and removed one by one', async () => {
    const { stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    const other = await monthlyPrice(stripe);
    const added = await stripe.subscriptionItems.create({
      subscription: id,
      price: other.id,
      quantity: 3,
    });
    const changed = await stripe.subscriptionItems.update(added.id, { quantity: 0 });
    expect(changed).toMatchObject({ id: added.id, quantity: 0 });
    await stripe.subscriptionItems.del(items.data[0]?.id ?? '');
    const left = await stripe.subscriptions.retrieve(id);
    expect(left.items.data.map((item) => item.id)).toEqual([added.id]);
    const last = stripe.subscriptionItems.del(added.id);
    expect((await refusal(last)).message).toContain('at least one');
  });

  it('cost what the price says in the currency of the subscription', async () => {
    const { stripe } = fixture;
    const { id: product } = await stripe.products.create({ name: 'Pro' });
    const price = await stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 1000,
      recurring: { interval: 'month' },
      currency_options: { eur: { unit_amount: 900 }, jpy: { unit_amount: 1500 } },
    });
    expect(price).not.toHaveProperty('currency_options');
    const shown = await stripe.prices.retrieve(price.id, { expand: ['currency_options'] });
    expect(shown.currency_options?.['eur']?.unit_amount).toBe(900);
    const { id, currency } = await subscribe(fixture, {
      items: [{ price: price.id, quantity: 2 }],
      currency: 'eur',
    });
    expect(currency).toBe('eur');
    expect(await latestAmounts(id)).toEqual([1800]);
    const refused = subscribe(fixture, { items: [{ price: price.id }], currency: 'gbp' });
    expect((await refusal(refused)).param).toBe('currency');
  });
});

it('an invoice that is sent is owed later: unpaid on that day, the subscription is past due', async () => {
  const { sandbox, stripe } = fixture;
  const { id, status } = await subscribe(fixture, {
    collection_method: 'send_invoice',
    days_until_due: 14,
  });
  expect(status).toBe('active');
  const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
  expect(invoice).toMatchObject({ status: 'open', due_date: seconds(startAt + 14 * dayMs) });
  await sandbox.clock.advance(14 * dayMs - hourMs);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  await sandbox.clock.advance(hourMs);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('past_due');
  expect(await eventTypes(stripe)).toContain('invoice.overdue');
  await stripe.invoices.pay(invoice?.id ?? '', { paid_out_of_band: true });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
});
