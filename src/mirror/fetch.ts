import type Stripe from 'stripe';
import { toPriceRow, toProductRow } from '../catalog/core/from-stripe.ts';
import { retrievePrice } from '../catalog/whole-price.ts';
import { wholeList } from '../platform/stripe-lists.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { ofOnly, refuseContradictions } from './contradictions.ts';
import { customerRow, optionalReference, reference, sessionRow } from './core/from-stripe.ts';
import {
  arrivalOf,
  chargeRow,
  disputeRow,
  invoiceRow,
  refundRow,
} from './core/money-from-stripe.ts';
import type { InvoiceRow } from './core/rows.ts';
import { emptySnapshot, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { isMissing } from './failures.ts';
import { fetchSubscription, fetchSummary } from './fetch-subscription.ts';
import { whereAllowed } from './optional-expansion.ts';

/**
 * Fetches one object from Stripe with the related objects that its access depends on. An object that Stripe
 * does not know (`resource_missing`) is listed in `missing`, a related one in `unconfirmed`; the snapshot
 * holds the rest all the same. Any other error is thrown.
 *
 * @throws ImplausibleAnswer if Stripe contradicts itself.
 */
export async function fetchSnapshot(stripe: Stripe, object: SyncedRef): Promise<StripeSnapshot> {
  const snapshot = emptySnapshot();
  await unlessMissing(snapshot.missing, object, () => fetchInto(stripe, snapshot, object));
  refuseContradictions(snapshot, object);
  return snapshot;
}

async function fetchInto(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  { objectType, objectId }: SyncedRef,
): Promise<void> {
  switch (objectType) {
    case 'checkout.session':
      return fetchSession(stripe, snapshot, objectId);
    case 'subscription':
      return fetchSubscription(stripe, snapshot, objectId);
    case 'invoice':
      await fetchInvoice(stripe, snapshot, objectId);
      return;
    case 'charge':
      return addCharge(stripe, snapshot, await fetchCharge(stripe, objectId));
    case 'dispute':
      return fetchDispute(stripe, snapshot, objectId);
    case 'customer':
      return fetchCustomer(stripe, snapshot, objectId);
    case 'entitlement_summary':
      return fetchSummary(stripe, snapshot, objectId);
    case 'product':
      snapshot.products.push(toProductRow(await stripe.products.retrieve(objectId)));
      return;
    case 'price':
      return fetchPrice(stripe, snapshot, objectId);
    default:
      return objectType satisfies never;
  }
}

/**
 * Fetches an object, or adds it to `missing` if Stripe does not know it, so that the rest of the snapshot
 * is kept.
 */
async function unlessMissing<T>(
  missing: SyncedRef[],
  object: SyncedRef,
  fetch: () => Promise<T>,
): Promise<T | null> {
  try {
    return await fetch();
  } catch (error) {
    if (!isMissing(error)) throw error;
    missing.push(object);
    return null;
  }
}

async function fetchCustomer(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void> {
  const customer = await stripe.customers.retrieve(id);
  if (customer.deleted !== true && (customer.test_clock ?? null) !== null) {
    snapshot.onTestClock.push(id);
  }
  snapshot.customers.push(customerRow(customer));
}

/** Fetches a price with its product, without which it is of no use. */
async function fetchPrice(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void> {
  const price = await retrievePrice(stripe, id);
  snapshot.products.push(toProductRow(await stripe.products.retrieve(reference(price.product))));
  snapshot.prices.push(toPriceRow(price));
}

async function fetchSession(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void> {
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] });
  const lines = await wholeList(session.line_items, (page) =>
    stripe.checkout.sessions.listLineItems(id, page),
  );
  const subscriptionId = optionalReference(session.subscription);
  if (subscriptionId !== null) {
    const subscription = { objectType: 'subscription', objectId: subscriptionId } as const;
    await unlessMissing(snapshot.unconfirmed, subscription, () =>
      fetchSubscription(stripe, snapshot, subscriptionId),
    );
  }
  const invoiceId = optionalReference(session.invoice);
  const oneTime = lines.some((line) => line.price?.type === 'one_time');
  const invoice =
    invoiceId !== null && oneTime
      ? await unlessMissing(
          snapshot.unconfirmed,
          { objectType: 'invoice', objectId: invoiceId },
          () => fetchInvoice(stripe, snapshot, invoiceId),
        )
      : null;
  const intentIds = [
    optionalReference(session.payment_intent),
    ...(invoice?.payments.map((payment) => payment.paymentIntentId) ?? []),
  ].filter((intentId) => intentId !== null);
  const charges: Stripe.Charge[] = [];
  for (const intentId of new Set(intentIds)) {
    const charge = await fetchLatestCharge(stripe, intentId);
    if (charge === null) continue;
    await addCharge(stripe, snapshot, charge);
    charges.push(charge);
  }
  // In payment mode the invoice is only a receipt.
  const invoicePaidAt = session.mode === 'subscription' ? (invoice?.paidAt ?? null) : null;
  const arrivedAt = arrivalOf(charges, invoicePaidAt);
  snapshot.sessions.push(sessionRow(session, lines, { arrivedAt }));
}

/**
 * Fetches the latest charge; null if nothing was charged yet or Stripe does not know the payment. The
 * session's own fields apply then.
 */
async function fetchLatestCharge(stripe: Stripe, intentId: string): Promise<Stripe.Charge | null> {
  try {
    const { latest_charge: charge } = await whereAllowed(
      ['latest_charge.balance_transaction'],
      ['latest_charge.refunds'],
      (expand) => stripe.paymentIntents.retrieve(intentId, { expand }),
    );
    const latest = typeof charge === 'string' ? await fetchCharge(stripe, charge) : charge;
    if (latest !== null) {
      ofOnly(intentId, [latest], (shown) => optionalReference(shown.payment_intent));
    }
    return latest;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return null;
  }
}

async function fetchInvoice(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  id: string,
): Promise<InvoiceRow> {
  const intents = 'data.payment.payment_intent';
  const invoice = await stripe.invoices.retrieve(id, { expand: [`payments.${intents}`] });
  const payments = await wholeList(invoice.payments, (page) =>
    stripe.invoicePayments.list({ invoice: id, expand: [intents], ...page }),
  );
  const row = invoiceRow(invoice, payments);
  snapshot.invoices.push(row);
  return row;
}

/** Fetches a dispute with its charge, which leads to the owner if the payment was a subscription's. */
async function fetchDispute(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void> {
  const dispute = await stripe.disputes.retrieve(id);
  snapshot.disputes.push(disputeRow(dispute));
  const objectId = reference(dispute.charge);
  await unlessMissing(snapshot.unconfirmed, { objectType: 'charge', objectId }, async () =>
    addCharge(stripe, snapshot, await fetchCharge(stripe, objectId)),
  );
}

function fetchCharge(stripe: Stripe, id: string): Promise<Stripe.Charge> {
  return stripe.charges.retrieve(id, { expand: ['refunds'] });
}

/** Adds a charge from Stripe, with all its refunds. */
export async function addCharge(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  charge: Stripe.Charge,
): Promise<void> {
  const refunds = await wholeList(charge.refunds, (page) =>
    stripe.refunds.list({ charge: charge.id, ...page }),
  );
  ofOnly(charge.id, refunds, (refund) => optionalReference(refund.charge));
  snapshot.charges.push({ ...chargeRow(charge), refunds: refunds.map(refundRow) });
}
