import { forkCustomer } from '../state/fork.ts';
import { newId } from '../state/ids.ts';
import { invoiceLines, render, subscriptionItems } from '../state/render.ts';
import type { Invoice, Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { StripeFault } from '../stripe-error.ts';
import { toJson, type JsonObject } from '../wire.ts';
import { discountsOf, takeDiscounts } from './discount.ts';
import { createInvoice, type DraftLine } from './invoice-draft.ts';
import { renew } from './renewal.ts';
import { scheduleDue } from './schedule-due.ts';
import { periodEndOf } from './subscription-end.ts';
import { itemLine } from './subscription-start.ts';

/*
 * A preview is the invoice of a change that was made in a copy of the customer, so it and the invoice of the
 * real change come from one computation (docs.stripe.com/api/invoices/create_preview).
 */

/** A change made in a copy of a subscription's customer. */
interface TriedChange {
  fork: World;
  subscription: Subscription;
  /** The invoice that the change created, if any. */
  invoice: Invoice | undefined;
}

/** Makes a change in a copy of a subscription's customer. */
export function tryChange(
  world: World,
  { id, customer }: Subscription,
  change: (fork: World, subscription: Subscription) => void,
): TriedChange {
  const fork = forkCustomer(world, customer);
  const subscription = need(fork.tables.subscriptions, 'subscription', id);
  const before = new Set(fork.tables.invoices.where('subscription', id).map((one) => one.id));
  change(fork, subscription);
  const invoice = fork.tables.invoices
    .where('subscription', id)
    .findLast((one) => !before.has(one.id));
  return { fork, subscription, invoice };
}

/** Returns the invoice that the change created, or else the next one after it. */
export function nextInvoice({ fork, subscription, invoice }: TriedChange): Invoice {
  if (invoice !== undefined) {
    return invoice;
  }
  const end = periodEndOf(fork, subscription);
  const at = subscription.cancel_at ?? Infinity;
  return fork.clock.at(Math.min(end, at) * 1000, () => {
    if (subscription.status === 'canceled' || at <= end) {
      return closingInvoice(fork, subscription);
    }
    enterNextPhase(fork, subscription, end);
    const before = subscription.latest_invoice;
    if (periodEndOf(fork, subscription) <= end) {
      renew(fork, subscription);
    }
    const next = fork.tables.invoices.get(subscription.latest_invoice ?? '');
    return next === undefined || next.id === before ? noInvoice() : next;
  });
}

/** Returns an invoice for a full period of each item, without prorations or discounts that apply once. */
export function recurringInvoice({ fork, subscription }: TriedChange): Invoice {
  dropWaiting(fork, subscription);
  const discounts = discountsOf(fork, subscription).filter(
    ({ coupon }) => coupon.duration !== 'once',
  );
  const items = subscriptionItems(fork.tables, subscription.id);
  return upcoming(
    fork,
    subscription,
    discounts,
    items.map((item) => itemLine(fork, item, false)),
  );
}

/** Returns a created or future invoice as Stripe sends a preview: a draft that does not exist. */
export function renderPreview(world: World, fork: World, invoice: Invoice): JsonObject {
  const id = newId('upcoming_in');
  world.previews.set(id, invoiceLines(fork.tables, invoice.id));
  const sent = render(fork.tables, invoice);
  return toJson({
    ...sent,
    id,
    amount_paid: 0,
    amount_remaining: invoice.amount_due,
    attempted: false,
    attempt_count: 0,
    automatically_finalizes_at: null,
    billing_reason: 'upcoming',
    effective_at: null,
    ending_balance: Math.min(0, invoice.total + invoice.starting_balance),
    hosted_invoice_url: null,
    number: null,
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
  });
}

/** Applies the schedule's phase that starts before the renewal, if any. */
function enterNextPhase(fork: World, { schedule: id }: Subscription, end: number): void {
  const schedule = fork.tables.schedules.get(id ?? '');
  const due = schedule === undefined ? [] : scheduleDue(fork, schedule);
  due.findLast(({ at }) => at <= end)?.run();
}

/** Returns the invoice for the prorations that an ended subscription leaves. */
function closingInvoice(fork: World, subscription: Subscription): Invoice {
  return fork.tables.invoiceLines.where('waiting', subscription.id).length === 0
    ? noInvoice()
    : upcoming(fork, subscription, takeDiscounts(fork, subscription), []);
}

function upcoming(
  fork: World,
  subscription: Subscription,
  discounts: ReturnType<typeof discountsOf>,
  lines: readonly DraftLine[],
): Invoice {
  return createInvoice(fork, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_cycle',
    subscription,
    discounts,
    metadata: {},
    lines,
    draftUntil: null,
  });
}

function dropWaiting(fork: World, { id }: Subscription): void {
  for (const line of fork.tables.invoiceLines.where('waiting', id)) {
    fork.tables.invoiceLines.delete(line.id);
  }
}

function noInvoice(): never {
  throw new StripeFault(400, {
    type: 'invalid_request_error',
    code: 'invoice_upcoming_none',
    message: 'No upcoming invoices for customer',
  });
}
