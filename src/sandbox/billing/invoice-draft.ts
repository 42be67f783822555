import { newId } from '../state/ids.ts';
import { emit } from '../state/events.ts';
import type { Invoice, InvoiceLine, Price, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import type { AppliedDiscount } from './discount.ts';
import { emptyInvoice, type InvoiceTerms } from './empty-invoice.ts';
import { foreseeBalance } from './invoice-balance.ts';
import { totalsOf, type DiscountAmount, type PlainLine } from './invoice-totals.ts';

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
  /** The discounts of a proration. Other lines get theirs from the invoice. */
  discounts?: readonly DiscountAmount[];
  /** The invoiced line that a proration credits. */
  credits?: InvoiceLine;
}

/** A draft line that has a price. */
export interface PricedLine extends DraftLine {
  price: Price;
}

export interface InvoiceRequest extends InvoiceTerms {
  discounts: readonly AppliedDiscount[];
  lines: readonly DraftLine[];
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
  setTotals(world, invoice, lines, request.discounts);
  Object.assign(invoice, {
    period_start: Math.min(...lines.map(({ period }) => period.start), invoice.created),
    period_end: Math.max(...lines.map(({ period }) => period.end), invoice.created),
  } satisfies Partial<Invoice>);
  if (request.subscription !== null) {
    request.subscription.latest_invoice = invoice.id;
  }
  emit(world, 'invoice.created', invoice);
  return invoice;
}

/** Sets the discounts, taxes and totals of a draft and its lines. */
function setTotals(
  world: World,
  invoice: Invoice,
  lines: readonly InvoiceLine[],
  discounts: readonly AppliedDiscount[],
): void {
  const totals = totalsOf(
    lines.map(plainLine),
    discounts,
    invoice.automatic_tax.enabled ? world.taxPercent : null,
  );
  for (const [index, line] of lines.entries()) {
    const amounts = totals.lineDiscounts[index] ?? [];
    line.discount_amounts = amounts;
    line.discounts = amounts.map(({ discount }) => discount);
    line.taxes = taxesOf(
      totals.lineTaxes[index] ?? null,
      line.amount - amounts.reduce((sum, { amount }) => sum + amount, 0),
    );
  }
  const net = totals.total - (totals.tax ?? 0);
  Object.assign(invoice, {
    subtotal: totals.subtotal,
    subtotal_excluding_tax: totals.subtotal,
    total: totals.total,
    total_excluding_tax: net,
    discounts: discounts.map(({ id }) => id),
    total_discount_amounts: totals.discounts,
    total_taxes: taxesOf(totals.tax, net),
  } satisfies Partial<Invoice>);
  foreseeBalance(world, invoice);
}

function plainLine(line: InvoiceLine): PlainLine {
  const { amount, discountable } = line;
  return { amount, discountable, discounts: discountable ? [] : (line.discount_amounts ?? []) };
}

/** Returns the sandbox's only tax: a flat rate on top of the amount. */
function taxesOf(amount: number | null, taxable: number): NonNullable<InvoiceLine['taxes']> {
  return amount === null
    ? []
    : [
        {
          amount,
          tax_behavior: 'exclusive',
          tax_rate_details: { tax_rate: 'txr_sandbox' },
          taxability_reason: 'standard_rated',
          taxable_amount: taxable,
          type: 'tax_rate_details',
        },
      ];
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
    discount_amounts: [...(draft.discounts ?? [])],
    discountable: !draft.proration,
    discounts: (draft.discounts ?? []).map(({ discount }) => discount),
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
      proration_details: draft.proration ? { credited_items: creditedItems(draft) } : null,
      subscription,
      subscription_item: draft.item.id,
    },
  };
}

function creditedItems({ credits }: DraftLine) {
  return credits === undefined || credits.invoice === null
    ? null
    : { invoice: credits.invoice, invoice_line_items: [credits.id] };
}
