import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  monthlyPrice,
  openFixture,
  refusal,
  seconds,
  startAt,
  subscribe,
  type Fixture,
  idOf,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const hourMs = 3_600_000;
const firstPeriodEnd = Date.UTC(2026, 1, 15, 12);

describe('a renewal', () => {
  it('advances the period first, and is charged an hour later', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.clock.advanceTo(firstPeriodEnd);
    const renewed = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    expect(renewed.items.data[0]).toMatchObject({
      current_period_start: seconds(firstPeriodEnd),
      current_period_end: seconds(Date.UTC(2026, 2, 15, 12)),
    });
    expect(renewed.latest_invoice).toMatchObject({
      status: 'draft',
      billing_reason: 'subscription_cycle',
    });
    await sandbox.clock.advance(hourMs);
    const [invoice] = (await stripe.invoices.list({ subscription: id, status: 'paid' })).data;
    expect(invoice?.status_transitions).toMatchObject({
      finalized_at: seconds(firstPeriodEnd + hourMs),
      paid_at: seconds(firstPeriodEnd + hourMs),
    });
    expect(invoice?.lines.data[0]?.pricing?.price_details?.price).toBe(
      renewed.items.data[0]?.price.id,
    );
  });

  it('lists the changes in previous_attributes', async () => {
    const { sandbox, stripe } = fixture;
    await subscribe(fixture);
    await sandbox.clock.advanceTo(firstPeriodEnd);
    const [event] = (await stripe.events.list({ type: 'customer.subscription.updated' })).data;
    expect(event?.data.previous_attributes).toMatchObject({
      items: { data: [{ current_period_end: seconds(firstPeriodEnd) }] },
    });
  });

  it('keeps the 31st where a month has one', async () => {
    const { sandbox, stripe } = fixture;
    await sandbox.clock.advanceTo(Date.UTC(2026, 0, 31, 12));
    const { id } = await subscribe(fixture);
    await sandbox.clock.advanceTo(Date.UTC(2026, 3, 1));
    const invoices = await stripe.invoices.list({ subscription: id });
    expect(invoices.data.map(({ created }) => created)).toEqual(
      [Date.UTC(2026, 2, 31, 12), Date.UTC(2026, 1, 28, 12), Date.UTC(2026, 0, 31, 12)].map(
        seconds,
      ),
    );
  });

  it('applies a lasting coupon, and not one that is used once', async () => {
    const { sandbox, stripe } = fixture;
    const forever = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    const once = await stripe.coupons.create({ percent_off: 50, duration: 'once' });
    const lasting = await subscribe(fixture, { discounts: [{ coupon: forever.id }] });
    const brief = await subscribe(fixture, { discounts: [{ coupon: once.id }] });
    await sandbox.clock.advance(32 * dayMs);
    const totals = async (subscription: string) =>
      (await stripe.invoices.list({ subscription })).data.map(({ total }) => total);
    expect(await totals(lasting.id)).toEqual([500, 500]);
    expect(await totals(brief.id)).toEqual([1000, 500]);
  });
});

describe('dunning', () => {
  async function failingSubscription() {
    const subscription = await subscribe(fixture);
    await fixture.sandbox.billing.failNextPayments(idOf(subscription.customer), true);
    await fixture.sandbox.clock.advanceTo(firstPeriodEnd + hourMs);
    return subscription.id;
  }

  it('tries again on days 3, 5 and 7, then cancels', async () => {
    const { sandbox, stripe } = fixture;
    const id = await failingSubscription();
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('past_due');
    await sandbox.clock.advance(10 * dayMs);
    const failures = await stripe.events.list({ type: 'invoice.payment_failed' });
    expect(failures.data.map(({ created }) => created).reverse()).toEqual(
      [0, 3, 5, 7].map((days) => seconds(firstPeriodEnd + hourMs + days * dayMs)),
    );
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
      status: 'canceled',
      ended_at: seconds(firstPeriodEnd + hourMs + 7 * dayMs),
      cancellation_details: { reason: 'payment_failed' },
    });
  });

  it('ends when the customer pays after all', async () => {
    const { sandbox, stripe } = fixture;
    const id = await failingSubscription();
    const [open] = (await stripe.invoices.list({ status: 'open' })).data;
    await sandbox.billing.payOpenInvoice(open?.id ?? '');
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    await sandbox.clock.advance(8 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  });

  it('refuses to pay with a card that declines, and keeps trying at its time', async () => {
    const { sandbox, stripe } = fixture;
    const id = await failingSubscription();
    const [open] = (await stripe.invoices.list({ status: 'open' })).data;
    const error = await refusal(stripe.invoices.pay(open?.id ?? ''));
    expect(error).toMatchObject({ statusCode: 402, code: 'card_declined' });
    await sandbox.clock.advance(7 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
  });

  it('succeeds automatically once the card works again', async () => {
    const { sandbox, stripe } = fixture;
    const id = await failingSubscription();
    const { customer } = await stripe.subscriptions.retrieve(id);
    await sandbox.billing.failNextPayments(idOf(customer), false);
    await sandbox.clock.advance(3 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  });

  it('may leave the subscription unpaid, whose later invoices stay drafts', async () => {
    const { sandbox, stripe } = fixture;
    await sandbox.billing.setDunning({ retryDays: [1], then: 'unpaid' });
    const id = await failingSubscription();
    await sandbox.clock.advance(dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('unpaid');
    await sandbox.clock.advance(40 * dayMs);
    const [latest] = (await stripe.invoices.list({ subscription: id })).data;
    expect(latest?.status).toBe('draft');
  });

  it('does not follow a first payment: the subscription stays incomplete and expires', async () => {
    const { sandbox, stripe } = fixture;
    const customer = await stripe.customers.create({});
    await sandbox.billing.failNextPayments(customer.id, true);
    const price = await monthlyPrice(stripe);
    const { id, status } = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    expect(status).toBe('incomplete');
    await sandbox.clock.advance(23 * hourMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('incomplete_expired');
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice?.status).toBe('void');
  });
});

describe('a trial', () => {
  it('is announced three days ahead and then renews', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture, { trial_period_days: 10 });
    await sandbox.clock.advance(20 * dayMs);
    const [notice] = (await stripe.events.list({ type: 'customer.subscription.trial_will_end' }))
      .data;
    expect(notice?.created).toBe(seconds(startAt + 7 * dayMs));
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    const invoices = await stripe.invoices.list({ subscription: id });
    expect(invoices.data.map(({ amount_paid: paid }) => paid)).toEqual([1000, 0]);
  });

  it('that ends without a card pauses where that is asked for', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      payment_method_collection: 'if_required',
      subscription_data: {
        trial_period_days: 7,
        trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
      },
      success_url: 'https://app.example/ok',
    });
    await sandbox.buyer.pay(session.id);
    await sandbox.clock.advance(7 * dayMs);
    const [subscription] = (await stripe.subscriptions.list()).data;
    expect(subscription).toMatchObject({
      status: 'paused',
      status_details: { paused: { transitioned_at: seconds(startAt + 7 * dayMs) } },
    });
  });
});
