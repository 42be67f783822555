import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventTypes, idOf, monthlyPrice, openFixture, refusal, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

/** The status of a new subscription of a customer with a card. */
async function subscribeWith(card: string): Promise<string> {
  const { stripe } = fixture;
  const method = await stripe.paymentMethods.attach(card, {
    customer: (await stripe.customers.create()).id,
  });
  const customer = idOf(method.customer);
  await stripe.customers.update(customer, {
    invoice_settings: { default_payment_method: method.id },
  });
  const price = await monthlyPrice(stripe);
  const subscription = await stripe.subscriptions.create({
    customer,
    items: [{ price: price.id }],
  });
  return subscription.status;
}

describe("Stripe's test cards", () => {
  it.each([
    ['pm_card_visa', 'active'],
    ['pm_card_chargeCustomerFail', 'incomplete'],
  ])('%s: a subscription is %s', async (card, status) => {
    expect(await subscribeWith(card)).toBe(status);
  });

  it('one that declines cannot be attached', async () => {
    expect(await refusal(subscribeWith('pm_card_chargeDeclined'))).toMatchObject({
      statusCode: 402,
      code: 'card_declined',
    });
  });

  it('one that is disputed is so right after its charge', async () => {
    const { stripe } = fixture;
    await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_createDispute',
      confirm: true,
    });
    expect(await eventTypes(stripe)).toContain('charge.dispute.funds_withdrawn');
  });

  it('are new with each use of their name, and unknown names are refused', async () => {
    const { stripe } = fixture;
    const { id: customer } = await stripe.customers.create();
    const [one, two] = [
      await stripe.paymentMethods.attach('pm_card_visa', { customer }),
      await stripe.paymentMethods.attach('pm_card_visa', { customer }),
    ];
    expect(one.id).not.toBe(two.id);
    const unknown = stripe.paymentMethods.attach('pm_card_unknown', { customer });
    expect(await refusal(unknown)).toMatchObject({ statusCode: 404, code: 'resource_missing' });
  });
});

describe('an invoice made by hand', () => {
  it('bills the items that wait, once, and is paid by the card that is named', async () => {
    const { stripe } = fixture;
    const { id: customer } = await stripe.customers.create();
    await stripe.invoiceItems.create({ customer, amount: 700, currency: 'usd' });
    const draft = () =>
      stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' });
    const invoice = await draft();
    expect(invoice).toMatchObject({ status: 'draft', amount_due: 700 });
    expect((await draft()).amount_due).toBe(0);
    const declined = stripe.invoices.pay(invoice.id, {
      payment_method: 'pm_card_chargeCustomerFail',
    });
    expect(await refusal(declined)).toMatchObject({ code: 'card_declined' });
    const asking = stripe.invoices.pay(invoice.id, {
      payment_method: 'pm_card_threeDSecure2Required',
    });
    expect(await refusal(asking)).toMatchObject({ code: 'invoice_payment_intent_requires_action' });
    const paid = await stripe.invoices.pay(invoice.id, { payment_method: 'pm_card_visa' });
    expect(paid).toMatchObject({ status: 'paid', amount_paid: 700 });
  });
});

describe('an empty body that is called JSON', () => {
  it.each(['/v1/products', '/_sandbox/clock/advance'])('%s: 400', async (path) => {
    const answer = await fetch(`${fixture.sandbox.url}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_sandbox', 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });
});
