import { newId } from '../state/ids.ts';
import type { Invoice, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';

export interface InvoiceTerms {
  customer: string | null;
  currency: string;
  reason: NonNullable<Invoice['billing_reason']>;
  subscription: Subscription | null;
  metadata: Record<string, string>;
  /** When the draft is finalized automatically, in epoch seconds. If null, the caller finalizes it. */
  draftUntil: number | null;
}

/** Returns a draft invoice without lines. Does not store it. */
export function emptyInvoice(world: World, request: InvoiceTerms): Invoice {
  const created = world.clock.seconds();
  const customer = world.tables.customers.get(request.customer ?? '');
  return {
    id: newId('in'),
    object: 'invoice',
    account_country: 'US',
    account_name: 'Sandbox',
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: request.draftUntil !== null,
    automatic_tax: {
      disabled_reason: null,
      enabled: request.subscription?.automatic_tax.enabled ?? false,
      liability: null,
      provider: null,
      status: null,
    },
    automatically_finalizes_at: request.draftUntil,
    billing_reason: request.reason,
    collection_method: request.subscription?.collection_method ?? 'charge_automatically',
    created,
    currency: request.currency,
    custom_fields: null,
    customer: request.customer,
    customer_account: null,
    customer_address: null,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    livemode: false,
    metadata: request.metadata,
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent:
      request.subscription === null
        ? null
        : {
            type: 'subscription_details',
            quote_details: null,
            subscription_details: {
              metadata: { ...request.subscription.metadata },
              subscription: request.subscription.id,
            },
          },
    payment_settings: {
      default_mandate: null,
      payment_method_options: null,
      payment_method_types: null,
    },
    period_end: created,
    period_start: created,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
    subtotal: 0,
    subtotal_excluding_tax: 0,
    test_clock: null,
    total: 0,
    total_discount_amounts: [],
    total_excluding_tax: 0,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  };
}
