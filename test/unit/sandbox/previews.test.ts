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

/*
 * Sources: docs.stripe.com/api/invoices/create_preview, docs.stripe.com/billing/subscriptions/prorations,
 * docs.stripe.com/billing/customer/balance.
 */

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const periodEnd = Date.UTC(2026, 1, 15, 12);
const halfway = (startAt + periodEnd) / 2;

type Details = Stripe.InvoiceCreatePreviewParams.SubscriptionDetails;

/** Previews a change of a subscription's only item, then makes it, and returns both invoices. */
async function previewThenChange(
  subscription: Stripe.Subscription,
  item: { price?: string; quantity?: number },
  more: { laterMs?: number; discounts?: { promotion_code?: string; coupon?: string }[] } = {},
) {
  const { sandbox, stripe } = fixture;
  const items = [{ id: subscription.items.data[0]?.id ?? '', ...item }];
  const { discounts } = more;
  const change = {
    items,
    proration_behavior: 'always_invoice' as const,
    proration_date: seconds(sandbox.clock.now()),
  };
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: change,
    ...(discounts === undefined ? {} : { discounts }),
  });
  await sandbox.clock.advance(more.laterMs ?? 0);
  const changed = await stripe.subscriptions.update(subscription.id, {
    ...change,
    ...(discounts === undefined ? {} : { discounts }),
  });
  return { preview, invoice: await stripe.invoices.retrieve(idOf(changed.latest_invoice)) };
}

function amounts(invoice: Stripe.Invoice): number[] {
  return invoice.lines.data.map(({ amount }) => amount);
}

async function yearlyPrice(amount: number): Promise<Stripe.Price> {
  return fixture.stripe.prices.create({
    currency: 'usd',
    unit_amount: amount,
    recurring: { interval: 'year' },
    product_data: { name: 'Pro, yearly' },
  });
}

describe('a preview', () => {
  it('of an upgrade is the invoice that the upgrade makes minutes later, and changes nothing', async () => {
    const { sandbox, stripe } = fixture;
    const subscription = await subscribe(fixture);
    const dearer = await monthlyPrice(stripe, 3000);
    await sandbox.clock.advanceTo(halfway);
    const before = (await eventTypes(stripe)).length;
    const preview = await stripe.invoices.createPreview({ subscription: subscription.id });
    expect(preview).toMatchObject({ status: 'draft', billing_reason: 'upcoming', total: 1000 });
    expect((await eventTypes(stripe)).length).toBe(before);
    const both = await previewThenChange(
      subscription,
      { price: dearer.id },
      { laterMs: 9 * 60_000 },
    );
    expect(amounts(both.preview)).toEqual([-500, 1500]);
    expect(amounts(both.invoice)).toEqual([-500, 1500]);
    expect(both.preview.amount_due).toBe(1000);
    expect(both.preview.id).toMatch(/^upcoming_in_/);
    expect(both.invoice).toMatchObject({ amount_due: 1000, status: 'paid' });
  });

  it('with prorations on the next invoice shows them before the renewal', async () => {
    const { sandbox, stripe } = fixture;
    const subscription = await subscribe(fixture);
    const dearer = await monthlyPrice(stripe, 3000);
    await sandbox.clock.advanceTo(halfway);
    const change = {
      items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
      proration_behavior: 'create_prorations' as const,
      proration_date: seconds(halfway),
    };
    const preview = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: change,
    });
    await stripe.subscriptions.update(subscription.id, change);
    await sandbox.clock.advanceTo(periodEnd);
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(amounts(preview)).toEqual([-500, 1500, 3000]);
    expect(invoice?.lines.data.map(({ amount }) => amount)).toEqual([-500, 1500, 3000]);
    expect(preview.total).toBe(invoice?.total);
  });

  it('of another interval starts and bills a whole period', async () => {
    const { sandbox } = fixture;
    const subscription = await subscribe(fixture);
    const yearly = await yearlyPrice(10_000);
    await sandbox.clock.advanceTo(halfway);
    const { preview, invoice } = await previewThenChange(subscription, { price: yearly.id });
    expect(amounts(preview)).toEqual([-500, 10_000]);
    expect(amounts(invoice)).toEqual([-500, 10_000]);
  });

  it('of a trial is the invoice at its end, and with `trial_end: now` the one that is due now', async () => {
    const { stripe } = fixture;
    const trialEnd = seconds(startAt + 10 * dayMs);
    const { id } = await subscribe(fixture, { trial_end: trialEnd });
    const preview = async (details: Details) =>
      stripe.invoices.createPreview({ subscription: id, subscription_details: details });
    expect(await preview({})).toMatchObject({ amount_due: 1000, created: trialEnd });
    expect(await preview({ trial_end: 'now' })).toMatchObject({
      amount_due: 1000,
      created: seconds(startAt),
    });
  });

  it('of the recurring amount leaves out prorations and coupons that apply once', async () => {
    const { stripe } = fixture;
    const once = await stripe.coupons.create({ percent_off: 50, duration: 'once' });
    const subscription = await subscribe(fixture);
    const preview = await stripe.invoices.createPreview({
      subscription: subscription.id,
      preview_mode: 'recurring',
      discounts: [{ coupon: once.id }],
      subscription_details: {
        items: [{ id: subscription.items.data[0]?.id ?? '', quantity: 3 }],
      },
    });
    expect(preview.total).toBe(3000);
  });

  it('does not exist for a subscription that ends before its next invoice', async () => {
    const { stripe } = fixture;
    const { id } = await subscribe(fixture, { cancel_at_period_end: true });
    const refused = await refusal(stripe.invoices.createPreview({ subscription: id }));
    expect(refused.code).toBe('invoice_upcoming_none');
  });

  it('credits the unused time of a subscription that is canceled now', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.clock.advanceTo(halfway);
    const preview = await stripe.invoices.createPreview({
      subscription: id,
      subscription_details: { cancel_now: true },
    });
    expect(preview).toMatchObject({ total: -500, amount_due: 0 });
    await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice).toMatchObject({ total: -500, status: 'paid' });
  });

  it('is refused for a date outside the period', async () => {
    const { stripe } = fixture;
    const subscription = await subscribe(fixture);
    const refused = await refusal(
      stripe.invoices.createPreview({
        subscription: subscription.id,
        subscription_details: {
          items: [{ id: subscription.items.data[0]?.id ?? '', quantity: 2 }],
          proration_date: seconds(startAt - dayMs),
        },
      }),
    );
    expect(refused.param).toBe('proration_date');
  });

  it('lists its lines where they are more than ten', async () => {
    const { stripe } = fixture;
    const prices = await Promise.all(Array.from({ length: 12 }, () => monthlyPrice(stripe)));
    const { id } = await subscribe(fixture, { items: prices.map(({ id: price }) => ({ price })) });
    const preview = await stripe.invoices.createPreview({ subscription: id });
    expect(preview.lines).toMatchObject({ has_more: true });
    const { data } = await stripe.invoices.listLineItems(preview.id, { limit: 100 });
    expect(data).toHaveLength(12);
  });
});

describe('a credit', () => {
  it('is a part of what was billed, also after an unbilled change of the price', async () => {
    const { sandbox, stripe } = fixture;
    const subscription = await subscribe(fixture);
    const [item] = subscription.items.data;
    const dearer = await monthlyPrice(stripe, 3000);
    await stripe.subscriptions.update(subscription.id, {
      items: [{ id: item?.id ?? '', price: dearer.id }],
      proration_behavior: 'none',
    });
    await sandbox.clock.advanceTo(halfway);
    const { invoice } = await previewThenChange(subscription, { quantity: 2 });
    expect(amounts(invoice)).toEqual([-500, 3000]);
  });

  it('larger than its invoice stays as a balance, which the next invoice uses', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe, 3000);
    const subscription = await subscribe(fixture, { items: [{ price: price.id }] });
    const cheaper = await monthlyPrice(stripe, 1000);
    await sandbox.clock.advanceTo(halfway);
    const { preview, invoice } = await previewThenChange(subscription, { price: cheaper.id });
    expect(preview).toMatchObject({ total: -1000, amount_due: 0, ending_balance: -1000 });
    expect(invoice).toMatchObject({ total: -1000, amount_due: 0, ending_balance: -1000 });
    const customer = await stripe.customers.retrieve(idOf(subscription.customer));
    expect(customer).toMatchObject({ balance: -1000 });
    expect(await eventTypes(stripe)).toContain('customer.updated');
    await sandbox.clock.advanceTo(periodEnd + dayMs);
    const [renewal] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(renewal).toMatchObject({
      total: 1000,
      starting_balance: -1000,
      ending_balance: 0,
      amount_due: 0,
      status: 'paid',
    });
  });

  it('that a pending update used comes back when its invoice is void', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe, 3000);
    const subscription = await subscribe(fixture, { items: [{ price: price.id }] });
    const cheaper = await monthlyPrice(stripe, 1000);
    await sandbox.clock.advanceTo(halfway);
    await previewThenChange(subscription, { price: cheaper.id });
    const customer = idOf(subscription.customer);
    await sandbox.billing.failNextPayments(customer, true);
    const pending = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? '', price: price.id, quantity: 3 }],
      proration_behavior: 'always_invoice',
      payment_behavior: 'pending_if_incomplete',
    });
    expect(pending.pending_update).not.toBeNull();
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: 0 });
    await sandbox.clock.advance(23 * 3_600_000);
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: -1000 });
  });
});

describe('discounts and taxes', () => {
  it('of a promotion code reduce the change and its preview alike', async () => {
    const { sandbox, stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once' });
    const code = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'SPRING',
    });
    const listed = await stripe.promotionCodes.list({ code: 'spring', active: true });
    expect(listed.data.map(({ id }) => id)).toEqual([code.id]);
    const subscription = await subscribe(fixture);
    const dearer = await monthlyPrice(stripe, 3000);
    await sandbox.clock.advanceTo(halfway);
    const { preview, invoice } = await previewThenChange(
      subscription,
      { price: dearer.id },
      { discounts: [{ promotion_code: code.id }] },
    );
    // The amounts of prorations contain their discounts.
    expect(amounts(preview)).toEqual([-500, 1200]);
    expect(amounts(invoice)).toEqual([-500, 1200]);
    expect(invoice.discounts).toHaveLength(1);
    expect((await stripe.subscriptions.retrieve(subscription.id)).discounts).toEqual([]);
    expect(await eventTypes(stripe)).toContain('customer.discount.created');
  });

  it('are itemized where the subscription says so', async () => {
    const { sandbox, stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'forever' });
    const subscription = await subscribe(fixture, {
      discounts: [{ coupon: coupon.id }],
      billing_mode: { type: 'flexible', flexible: { proration_discounts: 'itemized' } },
    });
    const dearer = await monthlyPrice(stripe, 3000);
    await sandbox.clock.advanceTo(halfway);
    const { preview, invoice } = await previewThenChange(subscription, { price: dearer.id });
    expect(amounts(preview)).toEqual([-500, 1500]);
    expect(preview).toMatchObject({ subtotal: 1000, total: 800 });
    expect(invoice.total_discount_amounts).toMatchObject([{ amount: 200 }]);
  });

  it('spread an amount over the lines to the cent', async () => {
    const { stripe } = fixture;
    const coupon = await stripe.coupons.create({
      amount_off: 100,
      currency: 'usd',
      duration: 'forever',
    });
    const prices = await Promise.all([333, 333, 334].map((one) => monthlyPrice(stripe, one)));
    const { latest_invoice: id } = await subscribe(fixture, {
      items: prices.map((price) => ({ price: price.id })),
      discounts: [{ coupon: coupon.id }],
    });
    const invoice = await stripe.invoices.retrieve(idOf(id));
    const shares = invoice.lines.data.map(({ discount_amounts: all }) => all?.[0]?.amount);
    expect(shares).toEqual([33, 34, 33]);
    expect(invoice).toMatchObject({ subtotal: 1000, total: 900 });
  });

  it('add a flat tax after the discounts, on credits too', async () => {
    const { sandbox, stripe } = fixture;
    await sandbox.billing.setTax(19);
    const subscription = await subscribe(fixture, { automatic_tax: { enabled: true } });
    expect(await stripe.invoices.retrieve(idOf(subscription.latest_invoice))).toMatchObject({
      total: 1190,
      total_excluding_tax: 1000,
      total_taxes: [{ amount: 190 }],
    });
    const dearer = await monthlyPrice(stripe, 3000);
    await sandbox.clock.advanceTo(halfway);
    const { preview, invoice } = await previewThenChange(subscription, { price: dearer.id });
    expect(preview).toMatchObject({ total: 1190, total_taxes: [{ amount: 190 }] });
    expect(invoice.total).toBe(1190);
  });

  it('are refused for a promotion code that is not active', async () => {
    const { stripe } = fixture;
    const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once' });
    const { id: code } = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
    });
    await stripe.promotionCodes.update(code, { active: false });
    const { id } = await subscribe(fixture);
    const update = stripe.subscriptions.update(id, { discounts: [{ promotion_code: code }] });
    expect((await refusal(update)).param).toBe('discounts[0][promotion_code]');
  });
});

describe('a bank that asks the buyer', () => {
  it('leaves the change pending until the buyer has authenticated', async () => {
    const { sandbox, stripe } = fixture;
    const subscription = await subscribe(fixture);
    await sandbox.billing.requireAuthentication(idOf(subscription.customer), true);
    const items = [{ id: subscription.items.data[0]?.id ?? '', quantity: 2 }];
    const pending = await stripe.subscriptions.update(subscription.id, {
      items,
      proration_behavior: 'always_invoice',
      payment_behavior: 'pending_if_incomplete',
    });
    expect(pending).toMatchObject({ status: 'active', items: { data: [{ quantity: 1 }] } });
    expect(await eventTypes(stripe)).toContain('invoice.payment_action_required');
    const invoice = await stripe.invoices.retrieve(idOf(pending.latest_invoice));
    const page = await fetch(invoice.hosted_invoice_url ?? '', { method: 'POST' });
    expect(await page.text()).toContain('Paid');
    const changed = await stripe.subscriptions.retrieve(subscription.id);
    expect(changed).toMatchObject({ pending_update: null, items: { data: [{ quantity: 2 }] } });
  });

  it('refuses an update that must not stay incomplete', async () => {
    const { sandbox, stripe } = fixture;
    const subscription = await subscribe(fixture);
    await sandbox.billing.requireAuthentication(idOf(subscription.customer), true);
    const update = stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? '', quantity: 2 }],
      proration_behavior: 'always_invoice',
      payment_behavior: 'error_if_incomplete',
    });
    expect(await refusal(update)).toMatchObject({
      statusCode: 402,
      code: 'subscription_payment_intent_requires_action',
    });
    expect((await stripe.invoices.list({ subscription: subscription.id })).data).toHaveLength(1);
  });
});
