import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  eventTypes,
  type Fixture,
  idOf,
  openFixture,
  refusal,
  seconds,
  startAt,
  subscribe,
} from './fixture.ts';

/* https://docs.stripe.com/api/billing/meter and the pages of its events and adjustments. */

let fixture: Fixture;
let stripe: Stripe;
beforeEach(async () => {
  fixture = await openFixture();
  ({ stripe } = fixture);
});
afterEach(() => fixture.close());

const now = (): number => seconds(fixture.sandbox.clock.now());

function calls(more: Partial<Stripe.Billing.MeterCreateParams> = {}) {
  return stripe.billing.meters.create({
    ...{ display_name: 'Calls', event_name: 'calls', default_aggregation: { formula: 'sum' } },
    ...more,
  });
}

function report(
  customer: string,
  value: number,
  more: Partial<Stripe.Billing.MeterEventCreateParams> = {},
) {
  return stripe.billing.meterEvents.create({
    event_name: 'calls',
    payload: { stripe_customer_id: customer, value: String(value) },
    ...more,
  });
}

async function aggregated(meter: string, customer: string): Promise<number | undefined> {
  const minute = Math.floor(now() / 60) * 60;
  const { data } = await stripe.billing.meters.listEventSummaries(meter, {
    ...{ customer, start_time: minute - 35 * 86_400, end_time: minute + 60 },
  });
  return data[0]?.aggregated_value;
}

/** A customer who pays 1 cent for the month, and 0.5 cents for each call. */
async function subscriber(coupon?: string) {
  const meter = await calls();
  const price = await stripe.prices.create({
    currency: 'usd',
    unit_amount_decimal: '0.5' as unknown as Stripe.Decimal, // the SDK's class sends the same text
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    product_data: { name: 'Calls' },
  });
  const flat = await stripe.prices.create({
    ...{ currency: 'usd', unit_amount: 1, recurring: { interval: 'month' } },
    product_data: { name: 'Pro' },
  });
  const subscription = await subscribe(fixture, {
    items: [{ price: flat.id }, { price: price.id }],
    ...(coupon === undefined ? {} : { discounts: [{ coupon }] }),
  });
  const customer = idOf(subscription.customer);
  const [item] = subscription.items.data;
  return { meter: meter.id, customer, endsAt: (item?.current_period_end ?? 0) * 1_000 };
}

async function newestInvoice(): Promise<Stripe.Invoice> {
  const [invoice] = (await stripe.invoices.list()).data;
  if (invoice === undefined) throw new Error('there is no invoice');
  return invoice;
}

describe('meters', () => {
  it('are created with Stripe’s defaults, changed, listed, deactivated and reactivated', async () => {
    const meter = await calls();
    expect(meter).toMatchObject({
      object: 'billing.meter',
      customer_mapping: { event_payload_key: 'stripe_customer_id', type: 'by_id' },
      value_settings: { event_payload_key: 'value' },
      status: 'active',
      event_time_window: null,
    });
    await stripe.billing.meters.update(meter.id, { display_name: 'API calls' });
    const off = await stripe.billing.meters.deactivate(meter.id);
    expect(off).toMatchObject({
      status: 'inactive',
      status_transitions: { deactivated_at: now() },
    });
    expect((await stripe.billing.meters.list({ status: 'active' })).data).toEqual([]);
    await stripe.billing.meters.reactivate(meter.id);
    expect(await stripe.billing.meters.retrieve(meter.id)).toMatchObject({
      display_name: 'API calls',
      status: 'active',
    });
    expect(await eventTypes(stripe)).toEqual([
      ...['billing.meter.created', 'billing.meter.updated'],
      ...['billing.meter.deactivated', 'billing.meter.reactivated'],
    ]);
  });

  it('share no event name while they are active', async () => {
    const first = await calls();
    expect(await refusal(calls())).toMatchObject({ statusCode: 400, param: 'event_name' });
    await stripe.billing.meters.deactivate(first.id);
    await calls();
    expect((await refusal(stripe.billing.meters.reactivate(first.id))).statusCode).toBe(400);
  });

  it('back every metered price', async () => {
    const metered = (meter?: string) =>
      stripe.prices.create({
        ...{ currency: 'usd', unit_amount: 5, product_data: { name: 'Calls' } },
        recurring: {
          ...{ interval: 'month', usage_type: 'metered' },
          ...(meter === undefined ? {} : { meter }),
        },
      });
    expect((await refusal(metered())).param).toBe('recurring[meter]');
    expect((await refusal(metered('mtr_none'))).code).toBe('resource_missing');
    const { id } = await calls();
    await stripe.billing.meters.deactivate(id);
    expect((await refusal(metered(id))).param).toBe('recurring[meter]');
    await stripe.billing.meters.reactivate(id);
    expect((await metered(id)).recurring).toMatchObject({ meter: id, usage_type: 'metered' });
  });
});

describe('meter events', () => {
  it('are aggregated by customer with the formula of the meter, negative values included', async () => {
    const meter = await calls();
    await report('cus_1', 5);
    await report('cus_1', -2);
    await report('cus_2', 9);
    expect(await aggregated(meter.id, 'cus_1')).toBe(3);
    await stripe.billing.meters.deactivate(meter.id);
    const count = await calls({ default_aggregation: { formula: 'count' } });
    await report('cus_1', 5);
    await report('cus_1', 7);
    expect(await aggregated(count.id, 'cus_1')).toBe(2);
    await stripe.billing.meters.deactivate(count.id);
    const last = await calls({ default_aggregation: { formula: 'last' } });
    await report('cus_1', 7);
    await report('cus_1', 5, { timestamp: now() - 60 });
    expect(await aggregated(last.id, 'cus_1')).toBe(7);
  });

  it('are answered with what was sent', async () => {
    await calls();
    expect(await report('cus_1', 5, { identifier: 'e_1', timestamp: now() - 5 })).toMatchObject({
      ...{ object: 'billing.meter_event', created: now(), event_name: 'calls', identifier: 'e_1' },
      ...{ payload: { stripe_customer_id: 'cus_1', value: '5' }, timestamp: now() - 5 },
    });
  });

  it('count once for an identifier in 24 hours, whatever the idempotency key', async () => {
    const meter = await calls();
    await report('cus_1', 5, { identifier: 'e_1' });
    expect(await refusal(report('cus_1', 5, { identifier: 'e_1' }))).toMatchObject({
      statusCode: 400,
      message: 'An event already exists with identifier e_1.',
    });
    expect(await aggregated(meter.id, 'cus_1')).toBe(5);
    await fixture.sandbox.clock.advance(dayMs);
    await report('cus_1', 5, { identifier: 'e_1' });
    expect(await aggregated(meter.id, 'cus_1')).toBe(10);
  });

  it('lie within the past 35 days and five minutes ahead', async () => {
    await calls();
    const at = (timestamp: number) => report('cus_1', 1, { timestamp });
    await at(now() - 35 * 86_400);
    await at(now() + 300);
    expect((await refusal(at(now() - 35 * 86_400 - 1))).param).toBe('timestamp');
    expect((await refusal(at(now() + 301))).param).toBe('timestamp');
  });

  it('need an active meter', async () => {
    expect((await refusal(report('cus_1', 1))).param).toBe('event_name');
    const { id } = await calls();
    await stripe.billing.meters.deactivate(id);
    expect((await refusal(report('cus_1', 1))).param).toBe('event_name');
  });

  it('without a number or a customer are accepted and counted for nobody', async () => {
    const meter = await calls();
    await report('cus_1', 1, { payload: { stripe_customer_id: 'cus_1', value: 'many' } });
    await report('cus_1', 1, { payload: { value: '3' } });
    expect(await aggregated(meter.id, 'cus_1')).toBe(0);
  });

  it('are canceled within 24 hours of their receipt, as a whole', async () => {
    const meter = await calls();
    const cancel = (identifier: string) =>
      stripe.billing.meterEventAdjustments.create({
        ...{ event_name: 'calls', type: 'cancel', cancel: { identifier } },
      });
    await report('cus_1', 5, { identifier: 'e_1' });
    await report('cus_1', 7, { identifier: 'e_2' });
    expect(await cancel('e_1')).toMatchObject({
      object: 'billing.meter_event_adjustment',
      cancel: { identifier: 'e_1' },
    });
    expect(await aggregated(meter.id, 'cus_1')).toBe(7);
    await fixture.sandbox.clock.advance(dayMs);
    expect((await refusal(cancel('e_2'))).statusCode).toBe(400);
    expect((await refusal(cancel('e_3'))).statusCode).toBe(400);
  });
});

describe('metered items', () => {
  it('are billed with the usage of the period that ended, once', async () => {
    const { customer, endsAt } = await subscriber();
    expect(await newestInvoice()).toMatchObject({
      total: 1,
      billing_reason: 'subscription_create',
    });
    await report(customer, 1_000, { timestamp: seconds(startAt) - 1 });
    await report(customer, 43, { timestamp: seconds(startAt) });
    await fixture.sandbox.clock.advanceTo(endsAt - 1_000);
    await report(customer, 1);
    await fixture.sandbox.clock.advanceTo(endsAt);
    // Of the next period.
    await report(customer, 1_000);
    await fixture.sandbox.clock.advance(2 * 3_600_000);
    const invoice = await newestInvoice();
    expect(invoice).toMatchObject({ status: 'paid', total: 1 + 22, amount_paid: 23 });
    expect(invoice.lines.data.map(({ amount, quantity }) => [amount, quantity])).toEqual([
      [1, 1],
      [22, 44],
    ]);
    expect(invoice.lines.data[1]?.period).toEqual({
      start: seconds(startAt),
      end: seconds(endsAt),
    });
    await fixture.sandbox.clock.advance(31 * dayMs);
    expect((await newestInvoice()).total).toBe(1 + 500);
  });

  it('include what arrives while the invoice is a draft, and nothing later', async () => {
    const { customer, endsAt } = await subscriber();
    await fixture.sandbox.clock.advanceTo(endsAt + 1_800_000);
    expect(await newestInvoice()).toMatchObject({ status: 'draft', total: 1 });
    await report(customer, 10, { timestamp: seconds(endsAt) - 60 });
    await fixture.sandbox.clock.advance(3_600_000);
    await report(customer, 10, { timestamp: seconds(endsAt) - 60 });
    expect(await newestInvoice()).toMatchObject({ status: 'paid', total: 6, amount_paid: 6 });
    await fixture.sandbox.clock.advance(31 * dayMs);
    expect((await newestInvoice()).total).toBe(1);
  });

  it('cost nothing if the usage is negative, and a coupon applies', async () => {
    await stripe.coupons.create({ id: 'half', percent_off: 50, duration: 'forever' });
    const { customer, endsAt } = await subscriber('half');
    await fixture.sandbox.clock.advanceTo(endsAt - 60_000);
    await report(customer, -5);
    await fixture.sandbox.clock.advance(2 * 3_600_000);
    expect((await newestInvoice()).lines.data[1]).toMatchObject({ amount: 0, quantity: 0 });
    await report(customer, 20);
    await fixture.sandbox.clock.advance(31 * dayMs);
    expect(await newestInvoice()).toMatchObject({ subtotal: 11, total: 5 });
  });
});
