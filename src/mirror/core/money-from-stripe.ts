import type Stripe from 'stripe';
import { instant, optionalInstant, optionalReference } from './from-stripe.ts';
import type { InvoiceRow } from './rows.ts';

/*
 * Maps invoices to the mirror's rows, and computes when money arrived and when a debt began. Pure.
 */

/**
 * Maximum delay until Stripe books a charge that succeeded immediately, such as a card charge, milliseconds.
 */
const maxBookingDelayMs = 3_600_000;

/**
 * Returns when the money arrived. If no charge succeeded, that is `invoicePaidAt`. A charge's `created` is
 * when it was submitted. A balance transaction or invoice more than an hour later shows that the money arrived
 * later. If Stripe booked a debit on submission, only an event shows the arrival (load-arrivals.ts).
 *
 * @param charges with their balance transactions, if the key may read those.
 * @param invoicePaidAt when the invoice of these charges was paid; null if it was not paid, is only a receipt
 *   or does not exist.
 */
export function arrivalOf(
  charges: readonly Stripe.Charge[],
  invoicePaidAt: Date | null,
): Date | null {
  const succeeded = charges.filter(({ status }) => status === 'succeeded');
  if (succeeded.length === 0) return invoicePaidAt;
  const chargedAt = Math.max(...succeeded.map(({ created }) => created)) * 1000;
  const reported = [invoicePaidAt?.getTime() ?? 0, ...succeeded.map(bookedAt)];
  return new Date(
    Math.max(chargedAt, ...reported.filter((at) => at > chargedAt + maxBookingDelayMs)),
  );
}

function bookedAt({ balance_transaction: booked }: Stripe.Charge): number {
  return typeof booked === 'object' && booked !== null ? booked.created * 1000 : 0;
}

/**
 * Maps an invoice to its row.
 *
 * @param payments all payments of the invoice, with their payment intents expanded. The intents tell a
 *   payment in progress (a debit takes days) from one that failed.
 */
export function invoiceRow(
  invoice: Stripe.Invoice,
  payments: readonly Stripe.InvoicePayment[],
): InvoiceRow {
  return {
    id: invoice.id,
    customerId: optionalReference(invoice.customer),
    subscriptionId: subscriptionOf(invoice),
    status: invoice.status,
    billingReason: invoice.billing_reason,
    currency: invoice.currency,
    amountDue: BigInt(invoice.amount_due),
    amountPaid: BigInt(invoice.amount_paid),
    total: BigInt(invoice.total),
    attemptCount: invoice.attempt_count,
    ...(hasFailed(invoice, payments) ? { paymentFailed: true } : {}),
    createdAt: instant(invoice.created),
    finalizedAt: optionalInstant(invoice.status_transitions.finalized_at),
    dueDate: optionalInstant(invoice.due_date),
    paidAt: optionalInstant(invoice.status_transitions.paid_at),
    payments: payments.map((payment) => ({
      id: payment.id,
      invoiceId: invoice.id,
      paymentIntentId: optionalReference(payment.payment.payment_intent),
      amountPaid: payment.amount_paid === null ? null : BigInt(payment.amount_paid),
      status: payment.status,
    })),
  };
}

/**
 * Returns whether a payment attempt failed. Stripe reports the number of attempts, but not how they ended. An
 * attempt failed if it neither paid the invoice nor is in progress.
 */
function hasFailed(
  { status, attempt_count: attempts }: Stripe.Invoice,
  payments: readonly Stripe.InvoicePayment[],
): boolean {
  if (status === 'paid') return attempts > 1;
  const mayArrive = payments.some(({ payment: { payment_intent: intent } }) =>
    typeof intent === 'object' ? intent.status === 'processing' : intent !== undefined,
  );
  return attempts > 0 && !mayArrive;
}

/** Returns the id of the subscription that an invoice belongs to, if any. */
export function subscriptionOf({ parent }: Stripe.Invoice): string | null {
  return optionalReference(parent?.subscription_details?.subscription);
}

/**
 * Returns when the current debt began: the earliest `finalized_at` (or `due_date` if the invoice was sent to
 * the customer) among invoices that are neither paid nor void and were finalized after the last paid one;
 * null if there is no debt. docs/architecture.md, "Grace period", explains the rule.
 *
 * @param invoices all invoices of the subscription: even an old draft may be finalized now.
 */
export function dunningAnchor(invoices: readonly Stripe.Invoice[]): Date | null {
  const [lastPaid] = invoices
    .filter(({ status }) => status === 'paid')
    .toSorted((one, other) => byFinalization(other, one));
  const anchors = invoices
    .filter((invoice) => isOwed(invoice))
    .filter((invoice) => lastPaid === undefined || byFinalization(invoice, lastPaid) > 0)
    .map((invoice) =>
      invoice.collection_method === 'send_invoice'
        ? (invoice.due_date ?? invoice.status_transitions.finalized_at)
        : invoice.status_transitions.finalized_at,
    )
    .filter((anchor) => anchor !== null);
  return anchors.length === 0 ? null : instant(Math.min(...anchors));
}

/** Orders invoices by when they were finalized, and within the same second by when they were created. */
function byFinalization(one: Stripe.Invoice, other: Stripe.Invoice): number {
  const finalizedAt = ({ status_transitions: { finalized_at: at }, created }: Stripe.Invoice) =>
    at ?? created;
  return finalizedAt(one) - finalizedAt(other) || one.created - other.created;
}

function isOwed(invoice: Stripe.Invoice): boolean {
  if (invoice.status !== 'uncollectible') return invoice.status === 'open';
  if (invoice.collection_method !== 'send_invoice') return invoice.attempted;
  const { marked_uncollectible_at: givenUpAt } = invoice.status_transitions;
  return givenUpAt === null || givenUpAt >= (invoice.due_date ?? -Infinity);
}
