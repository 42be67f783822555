import type Stripe from 'stripe';
import { wholeList } from '../../platform/stripe-lists.ts';
import { invoiceRow } from '../core/money-from-stripe.ts';
import type { InvoiceRow } from '../core/rows.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';
import { type FollowedObject, upsertOf, whereIn } from './followed-object.ts';

export const invoice: FollowedObject<'invoice'> = {
  async fetch(stripe, snapshot, id) {
    await fetchInvoice(stripe, snapshot, id);
  },
  links: ({ id, customerId, payments }) => ({
    customer: customerId,
    intents: payments.map(({ paymentIntentId }) => paymentIntentId),
    invoices: [id],
  }),
  async store(tx, { payments, ...data }) {
    await tx.invoice.upsert(upsertOf(data));
    for (const payment of payments) await tx.invoicePayment.upsert(upsertOf(payment));
    return [];
  },
  load: (tx, rows) => tx.invoice.findMany({ ...whereIn(rows), include: { payments: true } }),
  ofCustomer: null,
};

/** Fetches an invoice into a snapshot, with all its payments. */
export async function fetchInvoice(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  id: string,
): Promise<InvoiceRow> {
  const intents = 'data.payment.payment_intent';
  const shown = await stripe.invoices.retrieve(id, { expand: [`payments.${intents}`] });
  const payments = await wholeList(shown.payments, (page) =>
    stripe.invoicePayments.list({ invoice: id, expand: [intents], ...page }),
  );
  const row = invoiceRow(shown, payments);
  snapshot.invoice.push(row);
  return row;
}
