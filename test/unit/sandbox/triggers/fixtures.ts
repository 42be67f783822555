/**
 * What `stripe trigger` of Stripe's CLI (1.52) requests for an event: method and path, with parameters.
 * `${name.field}` is a field of an earlier answer, `refused` marks a request that has to be refused.
 */
export interface TriggerStep {
  name: string;
  request: string;
  params?: Record<string, unknown>;
  refused?: true;
}

const text = '(created by Stripe CLI)';

const step = (name: string, request: string, params?: Record<string, unknown>): TriggerStep => ({
  name,
  request,
  ...(params === undefined ? {} : { params }),
});

const customer = (params = {}): TriggerStep =>
  step('customer', 'POST /v1/customers', { description: text, ...params });
const product = step('product', 'POST /v1/products', { name: 'myproduct', description: text });
const price = (params = {}): TriggerStep =>
  step('price', 'POST /v1/prices', {
    product: '${product.id}',
    unit_amount: 1500,
    currency: 'usd',
    ...params,
  });
const monthly = price({ recurring: { interval: 'month' } });
const withCard = customer({
  payment_method: 'pm_card_visa',
  invoice_settings: { default_payment_method: 'pm_card_visa' },
});

const subscription = (params = {}): TriggerStep =>
  step('subscription', 'POST /v1/subscriptions', {
    customer: '${customer.id}',
    items: [{ price: '${price.id}' }],
    ...params,
  });
const subscribed = [withCard, product, monthly, subscription()];

const schedule = (params: Record<string, unknown>): TriggerStep =>
  step('schedule', 'POST /v1/subscription_schedules', { customer: '${customer.id}', ...params });
const phase = (quantity: number, params: object = { iterations: 1 }) => ({
  ...params,
  items: [{ price: '${price.id}', quantity }],
});
const scheduled = [
  customer({ source: 'tok_visa' }),
  product,
  monthly,
  schedule({ start_date: 'now', phases: [phase(1), phase(2)] }),
];
const ofSchedule = (action: string, params?: Record<string, unknown>): TriggerStep =>
  step('changed', `POST /v1/subscription_schedules/\${schedule.id}${action}`, params);

const frozen = 1_577_836_800;
const onClock = (params: Record<string, unknown>, until: number): TriggerStep[] => [
  step('clock', 'POST /v1/test_helpers/test_clocks', { frozen_time: frozen, name: text }),
  customer({ test_clock: '${clock.id}' }),
  product,
  monthly,
  schedule({ start_date: frozen, ...params }),
  step('advanced', 'POST /v1/test_helpers/test_clocks/${clock.id}/advance', { frozen_time: until }),
];

const billed = [
  step('invoiceitem', 'POST /v1/invoiceitems', {
    amount: 2000,
    currency: 'usd',
    customer: '${customer.id}',
    description: text,
  }),
  step('invoice', 'POST /v1/invoices', {
    customer: '${customer.id}',
    description: text,
    pending_invoice_items_behavior: 'include',
  }),
];
const ofInvoice = (action: string): TriggerStep =>
  step(action, `POST /v1/invoices/\${invoice.id}/${action}`);
const finalized = [customer(), ...billed, ofInvoice('finalize')];
const paidWith = (card: string, refused: boolean): TriggerStep[] => [
  customer(),
  step('method', `POST /v1/payment_methods/${card}/attach`, { customer: '${customer.id}' }),
  ...billed,
  {
    ...step('paid', 'POST /v1/invoices/${invoice.id}/pay', { payment_method: '${method.id}' }),
    ...(refused ? { refused: true } : {}),
  },
];

const charged = (card: string): TriggerStep =>
  step('intent', 'POST /v1/payment_intents', {
    amount: 100,
    currency: 'usd',
    payment_method_types: ['card'],
    payment_method: card,
    confirm: true,
    description: text,
  });
const refunded = [
  charged('pm_card_visa'),
  step('refund', 'POST /v1/refunds', { payment_intent: '${intent.id}' }),
];
const disputed = [
  charged('pm_card_createDisputeInquiry'),
  step('disputes', 'GET /v1/disputes?payment_intent=${intent.id}'),
];

const address = { line1: '510 Townsend St', postal_code: '94103', country: 'US' };
const paidAt = (session: object, method: object, currency = 'eur'): TriggerStep[] => [
  product,
  price({ currency }),
  step('session', 'POST /v1/checkout/sessions', {
    success_url: 'https://httpbin.org/post',
    cancel_url: 'https://httpbin.org/post',
    mode: 'payment',
    line_items: [{ price: '${price.id}', quantity: 2 }],
    payment_intent_data: { shipping: { name: 'Jenny Rosen', address } },
    ...session,
  }),
  step('page', 'GET /v1/payment_pages/${session.id}'),
  step('method', 'POST /v1/payment_methods', {
    billing_details: { email: 'stripe@example.com', name: 'Jenny Rosen', address },
    ...method,
  }),
  step('confirmed', 'POST /v1/payment_pages/${session.id}/confirm', {
    payment_method: '${method.id}',
    expected_amount: 3000,
  }),
];
const debit = (iban: string): TriggerStep[] =>
  paidAt({ payment_method_types: ['sepa_debit'] }, { type: 'sepa_debit', sepa_debit: { iban } });

/** By the event that each is for. */
export const triggers: Readonly<Record<string, readonly TriggerStep[]>> = {
  'checkout.session.completed': paidAt({}, { type: 'card', card: { token: 'tok_visa' } }, 'usd'),
  'checkout.session.async_payment_succeeded': debit('AT611904300234573201'),
  'checkout.session.async_payment_failed': debit('IT60X0542811101000000123456'),
  'checkout.session.expired': [
    product,
    price(),
    step('session', 'POST /v1/checkout/sessions', {
      success_url: 'https://httpbin.org/post',
      cancel_url: 'https://httpbin.org/post',
      mode: 'payment',
      line_items: [{ price: '${price.id}', quantity: 2 }],
    }),
    step('expired', 'POST /v1/checkout/sessions/${session.id}/expire'),
  ],
  'customer.subscription.created': subscribed,
  'customer.subscription.deleted': [
    ...subscribed,
    step('deleted', 'DELETE /v1/subscriptions/${subscription.id}'),
  ],
  'customer.subscription.updated': [
    ...subscribed,
    step('updated', 'POST /v1/subscriptions/${subscription.id}', { metadata: { foo: 'bar' } }),
  ],
  'customer.subscription.paused': [
    customer(),
    product,
    monthly,
    subscription({
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
    }),
    step('paused', 'POST /v1/subscriptions/${subscription.id}', { trial_end: 'now' }),
  ],
  'customer.subscription.trial_will_end': [
    customer(),
    product,
    monthly,
    subscription({ trial_period_days: 1 }),
  ],
  'subscription_schedule.created': scheduled,
  'subscription_schedule.updated': [...scheduled, ofSchedule('', { metadata: { foo: 'bar' } })],
  'subscription_schedule.released': [...scheduled, ofSchedule('/release')],
  'subscription_schedule.canceled': [...scheduled, ofSchedule('/cancel')],
  'subscription_schedule.aborted': [
    customer({ source: 'tok_visa' }),
    product,
    monthly,
    schedule({ start_date: 1_893_456_000, phases: [phase(1, {})] }),
    ofSchedule('/cancel', { prorate: false, invoice_now: false }),
  ],
  'subscription_schedule.completed': onClock(
    { end_behavior: 'release', phases: [phase(1)] },
    1_580_515_200,
  ),
  'subscription_schedule.expiring': onClock(
    { end_behavior: 'cancel', phases: [phase(1, { end_date: 1_580_256_000 })] },
    1_579_478_400,
  ),
  'invoice.finalized': finalized,
  'invoice.paid': paidWith('pm_card_visa', false),
  'invoice.payment_failed': paidWith('pm_card_chargeCustomerFail', true),
  'invoice.payment_action_required': paidWith('pm_card_threeDSecure2Required', true),
  'invoice.voided': [...finalized, ofInvoice('void')],
  'invoice.marked_uncollectible': [...finalized, ofInvoice('mark_uncollectible')],
  'charge.refunded': refunded,
  'refund.updated': [
    ...refunded,
    step('updated', 'POST /v1/refunds/${refund.id}', { metadata: { order_id: '6735' } }),
  ],
  'charge.dispute.created': [charged('pm_card_createDisputeInquiry')],
  'charge.dispute.updated': [
    ...disputed,
    step('updated', 'POST /v1/disputes/${disputes.data.0.id}', { metadata: { foo: 'bar' } }),
  ],
  'charge.dispute.closed': [
    ...disputed,
    step('closed', 'POST /v1/disputes/${disputes.data.0.id}/close'),
  ],
  'customer.created': [customer()],
  'customer.updated': [
    customer(),
    step('updated', 'POST /v1/customers/${customer.id}', { metadata: { foo: 'bar' } }),
  ],
  'customer.deleted': [customer(), step('deleted', 'DELETE /v1/customers/${customer.id}')],
  'product.created': [product],
  'product.updated': [
    product,
    step('updated', 'POST /v1/products/${product.id}', { metadata: { foo: 'bar' } }),
  ],
  'product.deleted': [product, step('deleted', 'DELETE /v1/products/${product.id}')],
  'price.created': [product, price()],
  'price.updated': [
    product,
    price(),
    step('updated', 'POST /v1/prices/${price.id}', { metadata: { foo: 'bar' } }),
  ],
};
