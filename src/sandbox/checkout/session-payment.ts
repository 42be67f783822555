import { addCustomer } from '../billing/customer.ts';
import { addInvoicePayment, intentOf, markPaid } from '../billing/collection.ts';
import { createInvoice } from '../billing/invoice-draft.ts';
import type { PricedQuantity } from '../billing/new-subscription.ts';
import { book } from '../billing/balance.ts';
import { addDiscount, type Redemption } from '../billing/discount.ts';
import { attempt, createPaymentIntent, type ChargeOutcome } from '../billing/payment.ts';
import { addDays } from '../billing/period.ts';
import { extraLine, startSubscription } from '../billing/subscription-start.ts';
import { emit } from '../state/events.ts';
import { sessionLines } from '../state/render.ts';
import type { CheckoutSession, Invoice, PaymentIntent, SessionPlan } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/**
 * What the buyer pays with. `ok` pays, `declined` fails, and `ok_then_declined` pays now but declines later
 * charges. The `async_…` debits settle after three days or on command; only `async_failure` then fails. They
 * are booked at submission or, for `async_booked_late`, at settlement.
 */
export type Card =
  'ok' | 'declined' | 'ok_then_declined' | 'async_success' | 'async_failure' | 'async_booked_late';

export const cards: readonly Card[] = [
  'ok',
  'declined',
  'ok_then_declined',
  'async_success',
  'async_failure',
  'async_booked_late',
];

const settlementDays = 3;
const defaultEmail = 'buyer@example.com';

/** Submits the checkout page. A declined card leaves the session open. */
export function paySession(
  world: World,
  session: CheckoutSession,
  card: Card,
  email: string | undefined,
): void {
  if (session.status !== 'open') {
    throw invalid(
      `Checkout Session \`${session.id}\` is \`${String(session.status)}\`; only an \`open\` session can be paid. Create a new one.`,
    );
  }
  const free = (session.amount_total ?? 0) === 0;
  if (card === 'declined' && !free) {
    attempt(world, createPaymentIntent(world, paymentRequest(world, session, email)), 'declined');
    return;
  }
  identify(world, session, email);
  const outcome = card.startsWith('async') && !free ? 'processing' : 'succeeded';
  if (session.mode === 'subscription') {
    completeSubscription(world, session, outcome);
  } else if (session.mode === 'payment' && !free) {
    completePayment(world, session, outcome);
  }
  if (outcome === 'processing') {
    awaitSettlement(world, session, card);
  }
  if (card === 'ok_then_declined' && session.customer !== null) {
    world.tables.wallets.set(session.customer, {
      id: session.customer,
      object: 'sandbox.wallet',
      declines: true,
      card: true,
    });
  }
  session.status = 'complete';
  session.url = null;
  session.payment_status = statusOf(free, outcome);
  world.tables.sessions.set(session.id, session);
  emit(world, 'checkout.session.completed', session);
}

function statusOf(free: boolean, outcome: ChargeOutcome): CheckoutSession['payment_status'] {
  if (free) {
    return 'no_payment_required';
  }
  return outcome === 'succeeded' ? 'paid' : 'unpaid';
}

/**
 * Sets a session's customer and customer details. Without a given customer, creates one if
 * `customer_creation` is `always`; otherwise the buyer stays a guest.
 */
function identify(world: World, session: CheckoutSession, email: string | undefined): void {
  const known = world.tables.customers.get(session.customer ?? '');
  const address = emailOf(world, session, email);
  if (known === undefined && session.customer_creation === 'always') {
    session.customer = addCustomer(world, { email: address }).id;
  }
  session.customer_details = {
    address: null,
    business_name: null,
    email: address,
    individual_name: null,
    name: known?.name ?? null,
    phone: null,
    tax_exempt: 'none',
    tax_ids: [],
  };
}

function emailOf(world: World, session: CheckoutSession, email: string | undefined): string {
  const known = world.tables.customers.get(session.customer ?? '');
  return known?.email ?? session.customer_email ?? email ?? defaultEmail;
}

function completePayment(world: World, session: CheckoutSession, outcome: ChargeOutcome): void {
  const intent = createPaymentIntent(world, paymentRequest(world, session, undefined));
  session.payment_intent = intent.id;
  attempt(world, intent, outcome);
  if (session.invoice_creation?.enabled === true) {
    addReceiptInvoice(world, session, intent);
  }
}

/** Creates the invoice for a one-time payment with `invoice_creation`. */
function addReceiptInvoice(world: World, session: CheckoutSession, intent: PaymentIntent): void {
  const plan = planOf(world, session);
  const invoice = createInvoice(world, {
    customer: session.customer,
    currency: intent.currency,
    reason: 'manual',
    subscription: null,
    discounts: redemptionsOf(world, plan).map((discount) =>
      addDiscount(world, { customer: session.customer, subscription: null }, discount),
    ),
    metadata: {},
    lines: pricedLines(world, session).map((line) => extraLine(world, line, intent.currency)),
    draftUntil: null,
  });
  // A customer's balance does not reduce a payment that Checkout takes.
  Object.assign(invoice, {
    starting_balance: 0,
    amount_due: invoice.total,
    amount_remaining: invoice.total,
  } satisfies Partial<Invoice>);
  session.invoice = invoice.id;
  addInvoicePayment(world, invoice, intent);
  invoice.status = 'open';
  invoice.status_transitions.finalized_at = world.clock.seconds();
  emit(world, 'invoice.finalized', invoice);
  if (intent.status === 'succeeded') {
    markPaid(world, invoice);
  }
}

function completeSubscription(
  world: World,
  session: CheckoutSession,
  outcome: ChargeOutcome,
): void {
  const plan = planOf(world, session);
  const lines = pricedLines(world, session);
  const now = world.clock.seconds();
  const trialEnd =
    plan.trialEnd ?? (plan.trialPeriodDays === null ? null : addDays(now, plan.trialPeriodDays));
  const started = startSubscription(
    world,
    {
      customer: session.customer ?? '',
      currency: session.currency ?? 'usd',
      items: lines.filter(({ price }) => price.recurring !== null),
      extras: lines.filter(({ price }) => price.recurring === null),
      metadata: { ...plan.subscriptionMetadata },
      description: null,
      trialEnd,
      missingPaymentMethod: plan.missingPaymentMethod,
      hasCard: session.payment_method_collection === 'always' || session.amount_total !== 0,
      discounts: redemptionsOf(world, plan),
      collectionMethod: 'charge_automatically',
      daysUntilDue: null,
      backdatedTo: null,
      anchor: null,
      prorates: true,
      schedule: null,
    },
    outcome,
  );
  session.subscription = started.subscription.id;
  session.invoice = started.invoice.id;
}

function awaitSettlement(world: World, session: CheckoutSession, card: Card): void {
  const invoice = world.tables.invoices.get(session.invoice ?? '');
  const id =
    session.payment_intent ?? (invoice === undefined ? undefined : intentOf(world, invoice)?.id);
  if (id !== undefined) {
    world.tables.settlements.set(id, {
      id,
      object: 'sandbox.settlement',
      settlesAt: addDays(world.clock.seconds(), settlementDays),
      succeeds: card !== 'async_failure',
    });
    const intent = need(world.tables.paymentIntents, 'payment_intent', id);
    if (card !== 'async_booked_late') {
      book(world, need(world.tables.charges, 'charge', intent.latest_charge ?? ''));
    }
  }
}

function pricedLines(world: World, session: CheckoutSession): PricedQuantity[] {
  return sessionLines(world.tables, session.id).map((line) => ({
    price: need(world.tables.prices, 'price', line.price),
    quantity: line.quantity,
  }));
}

function redemptionsOf(world: World, plan: SessionPlan): Redemption[] {
  const coupon = world.tables.coupons.get(plan.coupon ?? '');
  return coupon === undefined ? [] : [{ coupon, promotionCode: null }];
}

function planOf(world: World, session: CheckoutSession): SessionPlan {
  return need(world.tables.sessionPlans, 'checkout.session', session.id);
}

function paymentRequest(world: World, session: CheckoutSession, email: string | undefined) {
  return {
    amount: session.amount_total ?? 0,
    currency: session.currency ?? 'usd',
    customer: session.customer,
    metadata: { ...planOf(world, session).paymentIntentMetadata },
    description: null,
    email: emailOf(world, session, email),
  };
}
