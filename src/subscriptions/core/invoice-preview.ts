import type Stripe from 'stripe';

/** The amounts of a previewed invoice, in the currency's minor unit. */
export interface InvoicePreview {
  lines: {
    description: string;
    amount: number;
    proration: boolean;
    /** Epoch seconds. */
    period: { start: number; end: number };
  }[];
  discounts: { id: string; amount: number }[];
  tax: number;
  total: number;
  /** What is charged. */
  due: number;
  /** What becomes credit of the customer, because the total is negative. */
  credit: number;
  /** The customer's credit that pays a part of the total. */
  creditUsed: number;
}

/**
 * Returns the amounts of an invoice. The lines, less the discounts, plus the tax add up to the total, which is
 * `due + creditUsed - credit`.
 *
 * @param lines all lines of the invoice. Stripe includes at most 10 of them in the invoice itself.
 */
export function invoicePreview(
  invoice: Stripe.Invoice,
  lines: readonly Stripe.InvoiceLineItem[],
): InvoicePreview {
  const { amount_due: due, total } = invoice;
  return {
    lines: lines.map((line) => ({
      description: line.description ?? '',
      amount: line.amount,
      proration: isProration(line),
      period: { start: line.period.start, end: line.period.end },
    })),
    discounts: (invoice.total_discount_amounts ?? []).map(({ amount, discount }) => ({
      id: typeof discount === 'string' ? discount : discount.id,
      amount,
    })),
    tax: (invoice.total_taxes ?? []).reduce((sum, { amount }) => sum + amount, 0),
    total,
    due,
    credit: Math.max(0, -total),
    creditUsed: Math.max(0, total - due),
  };
}

function isProration({ parent }: Stripe.InvoiceLineItem): boolean {
  return (
    parent?.subscription_item_details?.proration === true ||
    parent?.invoice_item_details?.proration === true
  );
}

/** How a change was paid. `action_required`: the customer must pay or authenticate on the invoice's page. */
export type Payment =
  { payment: 'paid' | 'none' } | { payment: 'action_required'; actionUrl: string | null };

/** Returns how the invoice of a change was paid. */
export function paymentOf(invoice: Stripe.Invoice | null): Payment {
  if (invoice?.status === 'open') {
    return { payment: 'action_required', actionUrl: invoice.hosted_invoice_url ?? null };
  }
  return { payment: invoice?.status === 'paid' && invoice.amount_due > 0 ? 'paid' : 'none' };
}
