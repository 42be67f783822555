import { failCollection, invoiceOfIntent, markPaid } from '../billing/collection.ts';
import { settle } from '../billing/payment.ts';
import { emit } from '../state/events.ts';
import type { CheckoutSession } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';

/** Settles an asynchronous payment, and updates its invoice and Checkout Session. */
export function settlePayment(world: World, intentId: string, succeeded: boolean): void {
  const intent = need(world.tables.paymentIntents, 'payment_intent', intentId);
  settle(world, intent, succeeded);
  const invoice = invoiceOfIntent(world, intentId);
  if (invoice !== undefined && succeeded) {
    markPaid(world, invoice);
  } else if (invoice !== undefined) {
    failCollection(world, invoice, true);
  }
  const session = sessionPaidBy(world, intentId, invoice?.id);
  if (session === undefined) {
    return;
  }
  if (succeeded) {
    session.payment_status = 'paid';
  }
  emit(
    world,
    succeeded
      ? 'checkout.session.async_payment_succeeded'
      : 'checkout.session.async_payment_failed',
    session,
  );
}

/** Returns the id of the session's PaymentIntent that awaits settlement, if any. */
export function pendingIntentOf(world: World, session: CheckoutSession): string | undefined {
  return [...world.tables.settlements.keys()].find(
    (intentId) =>
      session.payment_intent === intentId ||
      (session.invoice !== null && invoiceOfIntent(world, intentId)?.id === session.invoice),
  );
}

function sessionPaidBy(
  world: World,
  intentId: string,
  invoiceId: string | undefined,
): CheckoutSession | undefined {
  const { sessions } = world.tables;
  return sessions.where('intent', intentId)[0] ?? sessions.where('invoice', invoiceId)[0];
}
