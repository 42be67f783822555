import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import type { Invoice, InvoicePayment, PaymentIntent, Subscription } from '../state/tables.ts';
import { touch, type World } from '../state/world.ts';
import { followFailedAttempt } from './dunning.ts';
import { applyBalance, restoreBalance } from './invoice-balance.ts';
import {
  attempt,
  cancelPaymentIntent,
  createPaymentIntent,
  requireAction,
  type PaymentOutcome,
} from './payment.ts';
import { addDays } from './period.ts';
import { changeSubscription } from './subscription-change.ts';
import { refreshUsage } from './usage.ts';

/** Finalizes a draft invoice. If nothing is due, the invoice is marked paid immediately. */
export function finalizeInvoice(world: World, invoice: Invoice): void {
  refreshUsage(world, invoice);
  const subscription = subscriptionOf(world, invoice);
  Object.assign(invoice, {
    status: 'open',
    number: `SANDBOX-${String(world.tables.invoices.size).padStart(4, '0')}`,
    effective_at: world.clock.seconds(),
    hosted_invoice_url: `${world.baseUrl}/i/${invoice.id}`,
    automatically_finalizes_at: null,
    due_date:
      invoice.collection_method === 'send_invoice'
        ? addDays(world.clock.seconds(), subscription?.days_until_due ?? 30)
        : null,
  } satisfies Partial<Invoice>);
  invoice.status_transitions.finalized_at = world.clock.seconds();
  applyBalance(world, invoice);
  emit(world, 'invoice.finalized', invoice);
  if (invoice.amount_due === 0) {
    markPaid(world, invoice);
    return;
  }
  const intent = createPaymentIntent(world, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: invoice.customer,
    metadata: {},
    description: subscription === undefined ? 'Payment for Invoice' : 'Subscription invoice',
    email: invoice.customer_email,
  });
  addInvoicePayment(world, invoice, intent);
}

/**
 * Attempts to collect an open invoice. Only `automatic` attempts increment `attempt_count` and schedule
 * retries.
 */
export function collect(
  world: World,
  invoice: Invoice,
  outcome: PaymentOutcome,
  automatic: boolean,
): void {
  const intent = intentOf(world, invoice);
  if (intent === undefined) {
    return;
  }
  if (outcome === 'action_required') {
    askBuyer(world, invoice, newId('pm'));
    return;
  }
  invoice.attempted = true;
  invoice.attempt_count += automatic ? 1 : 0;
  attempt(world, intent, outcome);
  if (outcome === 'succeeded') {
    markPaid(world, invoice);
  } else if (outcome === 'declined') {
    failCollection(world, invoice, automatic);
  }
}

/** Returns the outcome that charging the customer's card would have now. */
export function walletOutcome(world: World, customer: string | null): PaymentOutcome {
  const wallet = world.tables.wallets.get(customer ?? '');
  if (wallet?.asks === true) {
    return 'action_required';
  }
  return wallet?.declines === true || wallet?.card === false ? 'declined' : 'succeeded';
}

/**
 * Returns the outcome that collecting an invoice would have now. The payment is declined if the default
 * payment method of the invoice's subscription is null.
 */
export function outcomeOf(world: World, invoice: Invoice): PaymentOutcome {
  const subscription = subscriptionOf(world, invoice);
  return subscription?.default_payment_method === null
    ? 'declined'
    : walletOutcome(world, invoice.customer);
}

/** Marks an invoice and its payment as paid, and updates its subscription's status. */
export function markPaid(world: World, invoice: Invoice): void {
  const now = world.clock.seconds();
  change(world, 'invoice.updated', invoice, () => {
    Object.assign(invoice, {
      status: 'paid',
      attempted: true,
      amount_paid: invoice.amount_due,
      amount_remaining: 0,
      next_payment_attempt: null,
    } satisfies Partial<Invoice>);
    invoice.status_transitions.paid_at = now;
  });
  emit(world, 'invoice.paid', invoice);
  emit(world, 'invoice.payment_succeeded', invoice);
  const payment = paymentOf(world, invoice);
  if (payment !== undefined) {
    payment.status = 'paid';
    payment.amount_paid = payment.amount_requested;
    payment.status_transitions.paid_at = now;
    emit(world, 'invoice_payment.paid', payment);
  }
  clearDebt(world, invoice);
}

/** Requires the buyer to authenticate before the invoice can be collected. */
export function askBuyer(world: World, invoice: Invoice, method: string): void {
  const intent = intentOf(world, invoice);
  if (intent === undefined) {
    return;
  }
  invoice.attempted = true;
  requireAction(world, intent, method);
  failCollection(world, invoice, false);
  emit(world, 'invoice.payment_action_required', invoice);
}

/** Handles a failed attempt to collect an invoice. */
export function failCollection(world: World, invoice: Invoice, automatic: boolean): void {
  followFailedAttempt(world, invoice, subscriptionOf(world, invoice), automatic);
}

/** Voids an invoice and cancels its unpaid PaymentIntent. */
export function voidInvoice(world: World, invoice: Invoice): void {
  closeInvoice(world, invoice);
  invoice.status = 'void';
  invoice.status_transitions.voided_at = world.clock.seconds();
  restoreBalance(world, invoice);
  emit(world, 'invoice.voided', invoice);
  clearDebt(world, invoice);
}

/** Marks an invoice uncollectible: its amount stays owed, but is no longer collected. */
export function markUncollectible(world: World, invoice: Invoice): void {
  invoice.next_payment_attempt = null;
  invoice.status = 'uncollectible';
  invoice.status_transitions.marked_uncollectible_at = world.clock.seconds();
  emit(world, 'invoice.marked_uncollectible', invoice);
  clearDebt(world, invoice);
}

/** Permanently deletes a draft invoice, as Stripe does. */
export function deleteDraft(world: World, invoice: Invoice): void {
  world.tables.invoices.delete(invoice.id);
  emit(world, 'invoice.deleted', invoice);
}

export function intentOf(world: World, invoice: Invoice): PaymentIntent | undefined {
  return world.tables.paymentIntents.get(paymentOf(world, invoice)?.payment.payment_intent ?? '');
}

/** Returns the invoice that a PaymentIntent pays. */
export function invoiceOfIntent(world: World, intentId: string): Invoice | undefined {
  const [payment] = world.tables.invoicePayments.where('intent', intentId);
  return world.tables.invoices.get(payment?.invoice ?? '');
}

export function subscriptionOf(world: World, invoice: Invoice): Subscription | undefined {
  return world.tables.subscriptions.get(invoice.parent?.subscription_details?.subscription ?? '');
}

/** Adds an open payment to an invoice. */
export function addInvoicePayment(world: World, invoice: Invoice, intent: PaymentIntent): void {
  const payment: InvoicePayment = {
    id: newId('inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: intent.amount,
    created: world.clock.seconds(),
    currency: intent.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: intent.id },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  };
  world.tables.invoicePayments.set(payment.id, payment);
}

function paymentOf(world: World, invoice: Invoice): InvoicePayment | undefined {
  return world.tables.invoicePayments.where('invoice', invoice.id)[0];
}

function closeInvoice(world: World, invoice: Invoice): void {
  invoice.next_payment_attempt = null;
  invoice.auto_advance = false;
  const intent = intentOf(world, invoice);
  if (intent !== undefined && intent.status !== 'succeeded') {
    cancelPaymentIntent(world, intent);
  }
}

/**
 * Activates a subscription once its first invoice is paid or, if it was in debt, once its latest finalized
 * invoice is no longer open.
 */
function clearDebt(world: World, invoice: Invoice): void {
  const subscription = subscriptionOf(world, invoice);
  if (subscription === undefined) {
    return;
  }
  // A pending update may be waiting for this payment.
  touch(world, subscription);
  const latest = latestFinalized(world, subscription);
  const inDebt = ['past_due', 'unpaid'].includes(subscription.status);
  const firstPaid = subscription.status === 'incomplete' && invoice.status === 'paid';
  if (firstPaid || (inDebt && latest?.status !== 'open')) {
    changeSubscription(world, subscription, () => {
      subscription.status = 'active';
    });
  }
}

/**
 * Returns the most recently finalized invoice. It may not be the newest: a renewal's draft can be created
 * before an upgrade's invoice and finalized after it.
 */
function latestFinalized(world: World, { id }: Subscription): Invoice | undefined {
  return world.tables.invoices
    .where('subscription', id)
    .filter(({ status_transitions: { finalized_at: at } }) => at !== null)
    .sort((left, right) => finalizedAt(left) - finalizedAt(right))
    .at(-1);
}

function finalizedAt({ status_transitions: { finalized_at: at } }: Invoice): number {
  return at ?? 0;
}
