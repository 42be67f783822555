import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import {
  buyOnce,
  dayMs,
  eventTypes,
  idOf,
  monthlyPrice,
  oneTimePrice,
  openFixture,
  seconds,
  startAt,
  type Fixture,
} from './fixture.ts';
import { disputeStatuses } from '../../../src/sandbox/billing/dispute.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

async function open(
  params: Partial<Stripe.Checkout.SessionCreateParams> & { prices: Stripe.Price[] },
): Promise<Stripe.Checkout.Session> {
  const { prices, ...others } = params;
  return fixture.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: prices.map((price) => ({ price: price.id, quantity: 1 })),
    success_url: 'https://app.example/ok',
    ...others,
  });
}

const sessionEvents = async (): Promise<string[]> =>
  (await eventTypes(fixture.stripe)).filter((type) => type.startsWith('checkout.session.'));

describe('a slow payment', () => {
  it('completes the session unpaid, and pays it when the money arrives', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await open({ prices: [await oneTimePrice(stripe)] });
    await sandbox.buyer.pay(id, { card: 'async_success' });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'unpaid',
    });
    await sandbox.clock.advance(3 * dayMs);
    const paid = await stripe.checkout.sessions.retrieve(id, {
      expand: ['payment_intent.latest_charge'],
    });
    expect(paid).toMatchObject({
      payment_status: 'paid',
      payment_intent: { status: 'succeeded', latest_charge: { status: 'succeeded' } },
    });
    expect(await sessionEvents()).toEqual([
      'checkout.session.completed',
      'checkout.session.async_payment_succeeded',
    ]);
  });

  it('that never arrives leaves the session complete and unpaid', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await open({ prices: [await oneTimePrice(stripe)] });
    await sandbox.buyer.pay(id, { card: 'async_failure' });
    await sandbox.buyer.settleAsync(id, false);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'unpaid',
    });
    expect((await sessionEvents()).at(-1)).toBe('checkout.session.async_payment_failed');
  });
});

describe('a checkout', () => {
  it('of several lines lists them in their order, ten at a time', async () => {
    const { sandbox, stripe } = fixture;
    const prices = [];
    for (let made = 0; made < 12; made += 1) {
      prices.push(await oneTimePrice(stripe, 100 + made));
    }
    const { id } = await open({ prices });
    await sandbox.buyer.pay(id);
    const first = await stripe.checkout.sessions.listLineItems(id);
    expect([first.data.length, first.has_more]).toEqual([10, true]);
    const all: (string | undefined)[] = [];
    for await (const line of stripe.checkout.sessions.listLineItems(id)) {
      all.push(line.price?.id);
    }
    expect(all).toEqual(prices.map((price) => price.id));
  });

  it('of a subscription with one-time lines joins them by the invoice and its payments', async () => {
    const { sandbox, stripe } = fixture;
    const [monthly, once] = [await monthlyPrice(stripe), await oneTimePrice(stripe)];
    const { id } = await open({ mode: 'subscription', prices: [monthly, once] });
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session).toMatchObject({ payment_intent: null, amount_total: 3500 });
    const { data: payments } = await stripe.invoicePayments.list({
      invoice: idOf(session.invoice),
    });
    const intent = idOf(payments[0]?.payment.payment_intent);
    const [charge] = (await stripe.charges.list({ payment_intent: intent })).data;
    expect(charge).toMatchObject({ amount: 3500, payment_intent: intent });
    const { data: joined } = await stripe.invoicePayments.list({
      payment: { type: 'payment_intent', payment_intent: intent },
    });
    expect(joined.map(({ invoice }) => idOf(invoice))).toEqual([idOf(session.invoice)]);
    const lines = await stripe.invoices.listLineItems(idOf(session.invoice));
    expect(lines.data.map(({ amount, parent }) => [amount, parent?.type])).toEqual([
      [2500, 'invoice_item_details'],
      [1000, 'subscription_item_details'],
    ]);
  });

  it('with an invoice of a payment makes a customer and joins both', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await open({
      prices: [await oneTimePrice(stripe)],
      invoice_creation: { enabled: true },
    });
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ['invoice.payments'] });
    expect(session.customer).not.toBeNull();
    expect(session.invoice).toMatchObject({
      status: 'paid',
      customer: session.customer,
      parent: null,
      payments: { data: [{ payment: { payment_intent: session.payment_intent } }] },
    });
  });

  it('of a trial that asks for no card leaves none to charge when it ends', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await open({
      mode: 'subscription',
      prices: [await monthlyPrice(stripe)],
      payment_method_collection: 'if_required',
      subscription_data: { trial_period_days: 7 },
    });
    await sandbox.buyer.pay(id);
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session.payment_status).toBe('no_payment_required');
    await sandbox.clock.advance(8 * dayMs);
    const subscription = await stripe.subscriptions.retrieve(idOf(session.subscription));
    expect(subscription.status).toBe('past_due');
    await sandbox.billing.payOpenInvoice(idOf(subscription.latest_invoice));
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active');
  });

  it('of a guest makes no customer', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await open({
      prices: [await oneTimePrice(stripe)],
      customer_creation: 'if_required',
    });
    await sandbox.buyer.pay(id, { email: 'guest@example.com' });
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session).toMatchObject({
      customer: null,
      customer_details: { email: 'guest@example.com' },
    });
    expect((await stripe.customers.list()).data).toEqual([]);
  });

  it('of nothing to pay is complete without a payment', async () => {
    const { sandbox, stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 100 });
    const { id } = await open({
      prices: [await oneTimePrice(stripe)],
      discounts: [{ coupon: coupon.id }],
    });
    await sandbox.buyer.pay(id);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      payment_intent: null,
      amount_total: 0,
    });
  });

  it('that is not paid expires', async () => {
    const { sandbox, stripe } = fixture;
    const expiresAt = seconds(startAt + 2 * 3_600_000);
    const { id } = await open({ prices: [await oneTimePrice(stripe)], expires_at: expiresAt });
    await sandbox.clock.advance(2 * 3_600_000);
    expect((await stripe.checkout.sessions.retrieve(id)).status).toBe('expired');
    const [event] = (await stripe.events.list({ type: 'checkout.session.expired' })).data;
    expect(event?.created).toBe(expiresAt);
  });
});

describe('a refund on its way', () => {
  it('counts as refunded, and then arrives', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.refund(charge.id, 1000, { pending: true });
    expect((await stripe.refunds.retrieve(id)).status).toBe('pending');
    expect((await stripe.charges.retrieve(charge.id)).amount_refunded).toBe(1000);
    await sandbox.billing.settleRefund(id);
    expect((await stripe.refunds.retrieve(id)).status).toBe('succeeded');
  });

  it('that fails leaves the charge unchanged', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.refund(charge.id, undefined, { pending: true });
    await sandbox.billing.failRefund(id);
    expect(await stripe.refunds.retrieve(id)).toMatchObject({
      status: 'failed',
      failure_reason: 'lost_or_stolen_card',
    });
    expect((await stripe.charges.retrieve(charge.id)).refunded).toBe(false);
    expect(await eventTypes(stripe)).toEqual(
      expect.arrayContaining(['refund.created', 'charge.refunded', 'refund.failed']),
    );
  });
});

describe('a dispute', () => {
  it.each(disputeStatuses)('can be %s', async (status) => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id);
    // Through another status, so that each is a change.
    await sandbox.billing.moveDispute(id, status === 'under_review' ? 'lost' : 'under_review');
    await sandbox.billing.moveDispute(id, status);
    expect((await stripe.disputes.retrieve(id)).status).toBe(status);
    const [event] = (
      await stripe.events.list({ types: ['charge.dispute.updated', 'charge.dispute.closed'] })
    ).data;
    const closed = ['won', 'lost', 'warning_closed', 'prevented'].includes(status);
    expect(event).toMatchObject({
      type: closed ? 'charge.dispute.closed' : 'charge.dispute.updated',
      data: { object: { id, status } },
    });
  });

  it('takes evidence: an inquiry and a chargeback are then for the bank', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id, undefined, { inquiry: true });
    const evidence = { product_description: 'Notes' };
    expect((await stripe.disputes.update(id, { evidence })).status).toBe('warning_under_review');
    await sandbox.billing.moveDispute(id, 'needs_response');
    expect((await eventTypes(stripe)).at(-1)).toBe('charge.dispute.funds_withdrawn');
    const staged = await stripe.disputes.update(id, { evidence, submit: false });
    expect(staged.status).toBe('needs_response');
    expect((await stripe.disputes.update(id, { evidence })).status).toBe('under_review');
  });

  it('that is lost may be appealed and won', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id);
    for (const status of ['lost', 'appeal_needs_response', 'appeal_under_review', 'won'] as const) {
      await sandbox.billing.moveDispute(id, status);
    }
    expect((await eventTypes(stripe)).slice(-5)).toEqual([
      'charge.dispute.closed',
      'charge.dispute.updated',
      'charge.dispute.updated',
      'charge.dispute.closed',
      'charge.dispute.funds_reinstated',
    ]);
  });
});
