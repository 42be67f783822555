import { newId } from '../state/ids.ts';
import { emit } from '../state/events.ts';
import type {
  Coupon,
  Invoice,
  InvoiceLine,
  Price,
  Subscription,
  SubscriptionItem,
} from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { discountOn } from './discount.ts';

export interface DraftLine {
  amount: number;
  currency: string;
  description: string | null;
  /** Null for an amount without a price. */
  price: Price | null;
  quantity: number | null;
  period: { start: number; end: number };
  item: SubscriptionItem | null;
  proration: boolean;
}

/** A draft line that has a price. */
export interface PricedLine extends DraftLine {
  price: Price;
}

export interface InvoiceRequest {
  customer: string | null;
  currency: string;
  reason: NonNullable<Invoice['billing_reason']>;
  subscription: Subscription | null;
  coupon: Coupon | undefined;
  metadata: Record<string, string>;
  lines: readonly DraftLine[];
  /** When the draft is finalized automatically, in epoch seconds. If null, the caller finalizes it. */
  draftUntil: number | null;
}

/**
 * Returns the amount for a quantity of a price, in one of the price's currencies. A metered item has no quantity
 * and costs nothing in advance.
 */
export function amountOf(price: Price, quantity: number | null, currency: string): number {
  const { unit_amount_decimal: unit } =
    price.currency === currency ? price : (price.currency_options?.[currency] ?? price);
  return Math.round(Number(unit ?? 0) * (quantity ?? 0));
}

/** Creates a draft invoice from the requested lines and the subscription's pending prorations. */
export function createInvoice(world: World, request: InvoiceRequest): Invoice {
  const invoice = emptyInvoice(world, request);
  world.tables.invoices.set(invoice.id, invoice);
  const waiting = world.tables.invoiceLines.where('waiting', request.subscription?.id);
  for (const line of waiting) {
    line.invoice = invoice.id;
    world.tables.invoiceLines.set(line.id, line);
  }
  const lines = [
    ...waiting,
    ...request.lines.map((line) => addLine(world, request, line, invoice)),
  ];
  const subtotal = lines.reduce((sum, { amount }) => sum + amount, 0);
  const discount = discountOn(Math.max(0, subtotal), request.coupon);
  const total = subtotal - discount;
  Object.assign(invoice, {
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_excluding_tax: total,
    amount_due: Math.max(0, total),
    amount_remaining: Math.max(0, total),
    period_start: Math.min(...lines.map(({ period }) => period.start), invoice.created),
    period_end: Math.max(...lines.map(({ period }) => period.end), invoice.created),
  } satisfies Partial<Invoice>);
  if (request.subscription !== null) {
    request.subscription.latest_invoice = invoice.id;
  }
  emit(world, 'invoice.created', invoice);
  return invoice;
}

/** Adds a line to an invoice. Without an invoice, adds a proration that the next invoice will include. */
export function addLine(
  world: World,
  request: Pick<InvoiceRequest, 'subscription'>,
  draft: DraftLine,
  invoice: Invoice | null,
): InvoiceLine {
  const subscription = request.subscription?.id ?? null;
  const line: InvoiceLine = {
    id: newId('il'),
    object: 'line_item',
    amount: draft.amount,
    currency: draft.currency,
    description: draft.description,
    discount_amounts: [],
    discountable: !draft.proration,
    discounts: [],
    invoice: invoice?.id ?? null,
    livemode: false,
    metadata: request.subscription?.metadata ?? {},
    parent: parentOf(draft, subscription),
    period: draft.period,
    pretax_credit_amounts: [],
    pricing:
      draft.price === null
        ? null
        : {
            type: 'price_details',
            price_details: { price: draft.price.id, product: draft.price.product },
            unit_amount_decimal: draft.price.unit_amount_decimal,
          },
    quantity: draft.quantity,
    quantity_decimal: draft.quantity === null ? null : String(draft.quantity),
    subscription,
    subtotal: draft.amount,
    taxes: [],
  };
  world.tables.invoiceLines.set(line.id, line);
  return line;
}

function parentOf(draft: DraftLine, subscription: string | null): InvoiceLine['parent'] {
  if (draft.item === null) {
    return {
      type: 'invoice_item_details',
      subscription_item_details: null,
      invoice_item_details: {
        invoice_item: newId('ii'),
        proration: draft.proration,
        proration_details: null,
        subscription,
      },
    };
  }
  return {
    type: 'subscription_item_details',
    invoice_item_details: null,
    subscription_item_details: {
      invoice_item: null,
      proration: draft.proration,
      proration_details: null,
      subscription,
      subscription_item: draft.item.id,
    },
  };
}

function emptyInvoice(world: World, request: InvoiceRequest): Invoice {
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
      enabled: false,
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
