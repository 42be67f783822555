import type Stripe from 'stripe';
import { instant, optionalInstant, optionalReference, reference } from './from-stripe.ts';
import type { ChargeRow, DisputeRow, InvoiceRow, RefundRow } from './rows.ts';

/*
 * What was paid, owed and given back, from Stripe's shapes to the mirror's rows. Pure.
 */

/** What a refund may be. Stripe's list is open. */
const refundStatuses = new Set(['pending', 'requires_action', 'succeeded', 'failed', 'canceled']);

/** What a dispute may be. Stripe's list is open. */
const disputeStatuses = new Set([
  'warning_needs_response',
  'warning_under_review',
  'warning_closed',
  'needs_response',
  'under_review',
  'appeal_needs_response',
  'appeal_under_review',
  'won',
  'lost',
  'prevented',
]);

/** Whether we know what a refund of the status takes. */
export function isKnownRefundStatus(status: string): boolean {
  return refundStatuses.has(status);
}

/** Whether we know what a dispute of the status takes. */
export function isKnownDisputeStatus(status: string): boolean {
  return disputeStatuses.has(status);
}

/** Stripe may book a charge up to an hour after it succeeded at once, as a card's does. */
const bookingMs = 3_600_000;

/**
 * When the money that was paid arrived; null: there are no charges that succeeded, and no invoice. A
 * charge's `created` is when it was submitted. Its balance transaction and the invoice that it pays tell
 * that the money came later; less than an hour later is bookkeeping. Where a debit was booked as it was
 * submitted, only an event tells (confirm-arrivals.ts).
 *
 * @param charges with their balance transactions, where the key may read those.
 * @param invoicePaidAt of the invoice that they pay, where it is more than a receipt.
 */
export function arrivalOf(
  charges: readonly Stripe.Charge[],
  invoicePaidAt: Date | null,
): Date | null {
  const succeeded = charges.filter(({ status }) => status === 'succeeded');
  if (succeeded.length === 0) return invoicePaidAt;
  const chargedAt = Math.max(...succeeded.map(({ created }) => created)) * 1000;
  const told = [invoicePaidAt?.getTime() ?? 0, ...succeeded.map(bookedAt)];
  return new Date(Math.max(chargedAt, ...told.filter((at) => at > chargedAt + bookingMs)));
}

function bookedAt({ balance_transaction: booked }: Stripe.Charge): number {
  return typeof booked === 'object' && booked !== null ? booked.created * 1000 : 0;
}

export function chargeRow(charge: Stripe.Charge): ChargeRow {
  return {
    id: charge.id,
    paymentIntentId: optionalReference(charge.payment_intent),
    customerId: optionalReference(charge.customer),
    amount: BigInt(charge.amount),
    amountRefunded: BigInt(charge.amount_refunded),
    currency: charge.currency,
    status: charge.status,
    createdAt: instant(charge.created),
  };
}

export function refundRow(refund: Stripe.Refund): RefundRow {
  return {
    id: refund.id,
    chargeId: optionalReference(refund.charge),
    paymentIntentId: optionalReference(refund.payment_intent),
    amount: BigInt(refund.amount),
    currency: refund.currency,
    status: refund.status ?? 'pending',
    createdAt: instant(refund.created),
  };
}

export function disputeRow(dispute: Stripe.Dispute): DisputeRow {
  return {
    id: dispute.id,
    chargeId: reference(dispute.charge),
    paymentIntentId: optionalReference(dispute.payment_intent),
    amount: BigInt(dispute.amount),
    currency: dispute.currency,
    status: dispute.status,
    createdAt: instant(dispute.created),
  };
}

/**
 * @param payments all of the invoice's. Where their payment intents came with them, these tell a payment
 *   on its way (a debit takes days) from one that failed.
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

/** Stripe tells attempts, not how they ended: one that is not paid by them, and waits for none, failed. */
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

/** The subscription that an invoice belongs to, if any. */
function subscriptionOf(invoice: Stripe.Invoice): string | null {
  return optionalReference(invoice.parent?.subscription_details?.subscription);
}

/**
 * When the debt that counts began: the earliest `finalized_at` (`due_date` where the customer pays an
 * invoice that was sent) among the unpaid, not void invoices that were finalized after the last paid one.
 * So the next renewal does not restart it, an old forgotten invoice does not cut it short, and an upgrade
 * that is paid while the renewal is a draft does not pay the renewal. Those that were given up before
 * anybody was asked to pay, as paused collection has it, are gifts and no debt. Null: there is none such.
 * Not `current_period_end`, which advances before the payment.
 *
 * @param invoices all of the subscription's: a draft may wait long before it is finalized.
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

/** Stripe's own order of what a subscription owes; within a second, what was made later comes later. */
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
