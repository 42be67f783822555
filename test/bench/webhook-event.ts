import { createHmac, randomBytes } from 'node:crypto';
import { webhookSecret } from './subject.ts';

/** An event in Stripe's shape and size; `ID` stands for the parts that differ. */
const template = JSON.stringify({
  id: 'evt_ID',
  object: 'event',
  api_version: '2026-10-29.clover',
  created: 1,
  data: {
    object: {
      id: 'sub_ID',
      object: 'subscription',
      application: null,
      application_fee_percent: null,
      automatic_tax: { disabled_reason: null, enabled: false, liability: null },
      billing_cycle_anchor: 1_793_491_200,
      cancel_at: null,
      cancel_at_period_end: false,
      canceled_at: null,
      cancellation_details: { comment: null, feedback: null, reason: null },
      collection_method: 'charge_automatically',
      created: 1_793_491_200,
      currency: 'usd',
      customer: 'cus_Na6dX7aXxi11N4',
      days_until_due: null,
      default_payment_method: 'pm_1MoBy5LkdIwHu7ixZhnattbh',
      description: null,
      discounts: [],
      ended_at: null,
      invoice_settings: { account_tax_ids: null, issuer: { type: 'self' } },
      items: {
        object: 'list',
        data: [1, 2].map((line) => ({
          id: `si_Na6dzxczY5fwH${line}`,
          object: 'subscription_item',
          created: 1_793_491_200,
          current_period_end: 1_796_083_200,
          current_period_start: 1_793_491_200,
          discounts: [],
          metadata: {},
          price: {
            id: `price_1MowQULkdIwHu7ixraBm864${line}`,
            object: 'price',
            active: true,
            billing_scheme: 'per_unit',
            created: 1_679_609_766,
            currency: 'usd',
            livemode: false,
            lookup_key: null,
            metadata: {},
            nickname: null,
            product: `prod_Na6dGcTsmU0I4${line}`,
            recurring: {
              interval: 'month',
              interval_count: 1,
              meter: null,
              usage_type: 'licensed',
            },
            tax_behavior: 'unspecified',
            type: 'recurring',
            unit_amount: 1_000,
            unit_amount_decimal: '1000',
          },
          quantity: 1,
          subscription: 'sub_ID',
          tax_rates: [],
        })),
        has_more: false,
        total_count: 2,
        url: '/v1/subscription_items?subscription=sub_ID',
      },
      latest_invoice: 'in_1MowQWLkdIwHu7ixuzkSPfKd',
      livemode: false,
      metadata: { project_id: 'bench', user_id: 'u_1' },
      payment_settings: {
        payment_method_options: null,
        payment_method_types: null,
        save_default_payment_method: 'off',
      },
      pending_update: null,
      schedule: null,
      start_date: 1_793_491_200,
      status: 'active',
      trial_end: null,
      trial_settings: { end_behavior: { missing_payment_method: 'create_invoice' } },
    },
    previous_attributes: { status: 'past_due' },
  },
  livemode: false,
  pending_webhooks: 1,
  request: { id: null, idempotency_key: null },
  type: 'customer.subscription.updated',
});

/** Returns a new signed event about a new subscription. */
export function signedEvent(): { body: string; signature: string } {
  const now = Math.floor(Date.now() / 1_000);
  const body = template.replaceAll('ID', stripeId()).replace('"created":1,', `"created":${now},`);
  const hash = createHmac('sha256', webhookSecret).update(`${now}.${body}`).digest('hex');
  return { body, signature: `t=${now},v1=${hash}` };
}

/** Returns an id as Stripe makes them: time first, then the account, then random. */
function stripeId(): string {
  const time = Math.floor(Date.now() / 1_000).toString(36);
  return `1${time}LkdIwHu7ix${randomBytes(6).toString('base64url')}`;
}
