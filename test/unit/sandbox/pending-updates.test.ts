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

const hourMs = 3_600_000;

/** A subscription whose change to a dearer price waits for a payment that was declined. */
async function pendingChange() {
  const { sandbox, stripe } = fixture;
  const subscription = await subscribe(fixture);
  const dearer = await monthlyPrice(stripe, 3000);
  await sandbox.billing.failNextPayments(idOf(subscription.customer), true);
  const pending = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
    payment_behavior: 'pending_if_incomplete',
    proration_behavior: 'always_invoice',
  });
  return { id: subscription.id, customer: idOf(subscription.customer), pending, dearer: dearer.id };
}

async function priceOf(id: string): Promise<string | undefined> {
  return (await fixture.stripe.subscriptions.retrieve(id)).items.data[0]?.price.id;
}

describe('a change that is pending until it is paid', () => {
  it('is made at once where the payment goes through', async () => {
    const { stripe } = fixture;
    const subscription = await subscribe(fixture);
    const dearer = await monthlyPrice(stripe, 3000);
    const changed = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
      payment_behavior: 'pending_if_incomplete',
      proration_behavior: 'always_invoice',
    });
    expect(changed.items.data[0]?.price.id).toBe(dearer.id);
    expect(changed.pending_update).toBeNull();
  });

  it('leaves the subscription as it is, and active, where the payment is declined', async () => {
    const { stripe } = fixture;
    const { id, pending, dearer } = await pendingChange();
    expect(pending).toMatchObject({
      status: 'active',
      pending_update: {
        expires_at: seconds(startAt + 23 * hourMs),
        subscription_items: [{ id: pending.items.data[0]?.id, price: { id: dearer } }],
      },
    });
    expect(await priceOf(id)).not.toBe(dearer);
    expect(await stripe.invoices.retrieve(idOf(pending.latest_invoice))).toMatchObject({
      status: 'open',
      amount_due: 2000,
      next_payment_attempt: null,
    });
  });

  it('is made when the invoice is paid', async () => {
    const { sandbox, stripe } = fixture;
    const { id, pending, customer, dearer } = await pendingChange();
    await sandbox.billing.failNextPayments(customer, false);
    await stripe.invoices.pay(idOf(pending.latest_invoice));
    expect(await priceOf(id)).toBe(dearer);
    expect((await stripe.subscriptions.retrieve(id)).pending_update).toBeNull();
    expect((await eventTypes(stripe)).slice(-2)).toEqual([
      'customer.subscription.updated',
      'customer.subscription.pending_update_applied',
    ]);
  });

  it('is discarded after 23 hours, and its invoice voided', async () => {
    const { sandbox, stripe } = fixture;
    const { id, pending, dearer } = await pendingChange();
    await sandbox.clock.advance(23 * hourMs);
    const after = await stripe.subscriptions.retrieve(id);
    expect(after).toMatchObject({ status: 'active', pending_update: null });
    expect(after.items.data[0]?.price.id).not.toBe(dearer);
    expect((await stripe.invoices.retrieve(idOf(pending.latest_invoice))).status).toBe('void');
    expect(await eventTypes(stripe)).toContain('customer.subscription.pending_update_expired');
    expect(await eventTypes(stripe)).not.toContain('customer.subscription.pending_update_applied');
  });

  it('expires with the period where that ends before', async () => {
    const { sandbox } = fixture;
    const subscription = await subscribe(fixture);
    await sandbox.clock.advance(30 * dayMs + 20 * hourMs);
    const dearer = await monthlyPrice(fixture.stripe, 3000);
    await sandbox.billing.failNextPayments(idOf(subscription.customer), true);
    const pending = await fixture.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
      payment_behavior: 'pending_if_incomplete',
      proration_behavior: 'always_invoice',
    });
    expect(pending.pending_update?.expires_at).toBe(subscription.items.data[0]?.current_period_end);
  });

  it('gives way to a later one', async () => {
    const { stripe } = fixture;
    const { id, pending } = await pendingChange();
    const again = await stripe.subscriptions.update(id, {
      items: [{ id: pending.items.data[0]?.id ?? '', quantity: 5 }],
      payment_behavior: 'pending_if_incomplete',
      proration_behavior: 'always_invoice',
    });
    expect(again.pending_update?.subscription_items).toMatchObject([{ quantity: 5 }]);
    expect((await stripe.invoices.retrieve(idOf(pending.latest_invoice))).status).toBe('void');
  });

  it('gives way to a change that is made at once', async () => {
    const { sandbox, stripe } = fixture;
    const { id, pending, customer } = await pendingChange();
    const other = await monthlyPrice(stripe, 500);
    const changed = await stripe.subscriptions.update(id, {
      items: [{ id: pending.items.data[0]?.id ?? '', price: other.id }],
    });
    expect(changed.pending_update).toBeNull();
    await sandbox.billing.failNextPayments(customer, false);
    await sandbox.clock.advance(dayMs);
    expect(await priceOf(id)).toBe(other.id);
  });

  it('is refused together with what cannot be pending', async () => {
    const { stripe } = fixture;
    const { id } = await subscribe(fixture);
    const update = stripe.subscriptions.update(id, {
      metadata: { a: 'b' },
      payment_behavior: 'pending_if_incomplete',
    });
    expect((await refusal(update)).param).toBe('metadata');
  });
});

it('a change that must be paid is refused where the card is declined', async () => {
  const { sandbox, stripe } = fixture;
  const subscription = await subscribe(fixture);
  const dearer = await monthlyPrice(stripe, 3000);
  await sandbox.billing.failNextPayments(idOf(subscription.customer), true);
  const update = stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
    payment_behavior: 'error_if_incomplete',
    proration_behavior: 'always_invoice',
  });
  expect(await refusal(update)).toMatchObject({ statusCode: 402, code: 'card_declined' });
  expect(await priceOf(subscription.id)).not.toBe(dearer.id);
});

it('a change that is invoiced makes the subscription past due where the card is declined', async () => {
  const { sandbox, stripe } = fixture;
  const subscription = await subscribe(fixture);
  const dearer = await monthlyPrice(stripe, 3000);
  await sandbox.billing.failNextPayments(idOf(subscription.customer), true);
  const changed = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]?.id ?? '', price: dearer.id }],
    proration_behavior: 'always_invoice',
  });
  expect(changed).toMatchObject({ status: 'past_due', pending_update: null });
  expect(changed.items.data[0]?.price.id).toBe(dearer.id);
});
