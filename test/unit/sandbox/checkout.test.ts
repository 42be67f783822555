import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  eventTypes,
  monthlyPrice,
  oneTimePrice,
  openFixture,
  refusal,
  seconds,
  startAt,
  type Fixture,
  idOf,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const success = 'https://app.example/ok?session={CHECKOUT_SESSION_ID}';

async function paymentSession(customerCreation: 'always' | 'if_required' = 'if_required') {
  const price = await oneTimePrice(fixture.stripe);
  return fixture.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 2 }],
    client_reference_id: 'intent_1',
    metadata: { project_id: 'p1' },
    payment_intent_data: { metadata: { user_id: 'u1' } },
    customer_creation: customerCreation,
    success_url: success,
  });
}

describe('a one-off purchase', () => {
  it('is open and unpaid until the buyer pays', async () => {
    const session = await paymentSession();
    expect(session).toMatchObject({
      status: 'open',
      payment_status: 'unpaid',
      amount_total: 5000,
      client_reference_id: 'intent_1',
      success_url: success,
      payment_intent: null,
      expires_at: seconds(startAt + dayMs),
    });
    expect(session.url).toContain(fixture.sandbox.url);
  });

  it('passes its metadata to the payment intent and its charge, and a guest stays one', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession();
    await sandbox.buyer.pay(id, { email: 'guest@example.com' });
    const session = await stripe.checkout.sessions.retrieve(id, {
      expand: ['payment_intent.latest_charge', 'line_items'],
    });
    expect(session).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      customer: null,
      customer_details: { email: 'guest@example.com' },
      metadata: { project_id: 'p1' },
      payment_intent: {
        status: 'succeeded',
        metadata: { user_id: 'u1' },
        latest_charge: { status: 'succeeded', amount: 5000, metadata: { user_id: 'u1' } },
      },
    });
    expect(session.line_items?.data[0]).toMatchObject({ quantity: 2, amount_total: 5000 });
    expect((await eventTypes(stripe)).slice(-4)).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.completed',
    ]);
  });

  it('makes a customer where that is asked for', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession('always');
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session.customer).toMatch(/^cus_/);
  });

  it('stays open after a declined card, and can then be paid', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession();
    await sandbox.buyer.pay(id, { card: 'declined' });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'open',
      payment_status: 'unpaid',
    });
    await sandbox.buyer.pay(id);
    expect((await stripe.checkout.sessions.retrieve(id)).payment_status).toBe('paid');
    expect(await eventTypes(stripe)).toContain('payment_intent.payment_failed');
  });

  it('by a slow method completes unpaid and is paid when the money arrives', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession();
    await sandbox.buyer.pay(id, { card: 'async_success' });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'unpaid',
    });
    await sandbox.clock.advance(3 * dayMs);
    expect((await stripe.checkout.sessions.retrieve(id)).payment_status).toBe('paid');
    expect((await eventTypes(stripe)).at(-1)).toBe('checkout.session.async_payment_succeeded');
  });

  it('by a slow method may fail at any moment, on command', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession();
    await sandbox.buyer.pay(id, { card: 'async_success' });
    await sandbox.buyer.settleAsync(id, false);
    expect((await stripe.checkout.sessions.retrieve(id)).payment_status).toBe('unpaid');
    await sandbox.clock.advance(5 * dayMs);
    const types = await eventTypes(stripe);
    expect(types.at(-1)).toBe('checkout.session.async_payment_failed');
  });

  it('expires by the clock, and cannot be paid any more', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await paymentSession();
    await sandbox.clock.advance(dayMs);
    const [event] = (await stripe.events.list({ type: 'checkout.session.expired' })).data;
    expect(event?.created).toBe(seconds(startAt + dayMs));
    await expect(sandbox.buyer.pay(id)).rejects.toThrow('expired');
  });

  it('that a coupon makes free needs no payment', async () => {
    const { sandbox, stripe } = fixture;
    const price = await oneTimePrice(stripe);
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
    const { id } = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      discounts: [{ coupon: coupon.id }],
      success_url: success,
    });
    await sandbox.buyer.pay(id);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      amount_total: 0,
      payment_intent: null,
    });
  });

  it('may come with an invoice that its payment intent leads to', async () => {
    const { sandbox, stripe } = fixture;
    const price = await oneTimePrice(stripe);
    const { id } = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      invoice_creation: { enabled: true },
      success_url: success,
    });
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id);
    const { data } = await stripe.invoicePayments.list({
      payment: { type: 'payment_intent', payment_intent: idOf(session.payment_intent) },
    });
    expect(data[0]).toMatchObject({ invoice: session.invoice, status: 'paid', amount_paid: 2500 });
  });
});

describe('a subscription', () => {
  it('begins when its session is paid, with its metadata and its one-time lines', async () => {
    const { sandbox, stripe } = fixture;
    const monthly = await monthlyPrice(stripe);
    const setUp = await oneTimePrice(stripe);
    const { id } = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [
        { price: monthly.id, quantity: 3 },
        { price: setUp.id, quantity: 1 },
      ],
      subscription_data: { metadata: { user_id: 'u1' } },
      success_url: success,
    });
    await sandbox.buyer.pay(id, { email: 'ann@example.com' });
    const session = await stripe.checkout.sessions.retrieve(id, {
      expand: ['subscription', 'invoice'],
    });
    expect(session).toMatchObject({
      payment_status: 'paid',
      payment_intent: null,
      subscription: { status: 'active', metadata: { user_id: 'u1' } },
      invoice: { status: 'paid', amount_paid: 5500, billing_reason: 'subscription_create' },
    });
    expect(session.subscription).not.toHaveProperty('current_period_end');
    expect(session.subscription).toMatchObject({
      items: {
        data: [{ quantity: 3, current_period_end: seconds(Date.UTC(2026, 1, 15, 12)) }],
      },
    });
    expect(session.invoice).toMatchObject({
      parent: { subscription_details: { metadata: { user_id: 'u1' } } },
    });
  });

  it('with a trial costs nothing yet', async () => {
    const { sandbox, stripe } = fixture;
    const monthly = await monthlyPrice(stripe);
    const { id } = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: monthly.id, quantity: 1 }],
      subscription_data: { trial_period_days: 14 },
      success_url: success,
    });
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ['subscription'] });
    expect(session).toMatchObject({
      payment_status: 'no_payment_required',
      subscription: { status: 'trialing', trial_end: seconds(startAt + 14 * dayMs) },
    });
  });

  it('needs a recurring price, and a payment refuses one', async () => {
    const { stripe } = fixture;
    const monthly = await monthlyPrice(stripe);
    const once = await oneTimePrice(stripe);
    const create = (mode: 'payment' | 'subscription', price: string) =>
      refusal(
        stripe.checkout.sessions.create({
          mode,
          line_items: [{ price, quantity: 1 }],
          success_url: success,
        }),
      );
    expect((await create('subscription', once.id)).message).toContain('at least one recurring');
    expect((await create('payment', monthly.id)).message).toContain('recurring price');
  });
});
