import Stripe from 'stripe';
import { toPriceRow, toProductRow } from '../catalog/from-stripe.ts';
import { retrievePrice } from '../catalog/whole-price.ts';
import {
  couponsToFetch,
  customerRow,
  optionalReference,
  reference,
  sessionRow,
  subscriptionRow,
} from './from-stripe.ts';
import {
  arrivalOf,
  chargeRow,
  disputeRow,
  dunningAnchor,
  invoiceRow,
  refundRow,
} from './money-from-stripe.ts';
import { ImplausibleAnswer, listAll, type ListPage } from '../platform/stripe-lists.ts';
import type { SyncedRef } from '../webhook/sync-queue.ts';
import { ofOnly, refuseContradictions } from './contradictions.ts';
import { whereAllowed } from './optional-expansion.ts';
import { emptySnapshot, type StripeSnapshot } from './stripe-snapshot.ts';
import type { InvoiceRow } from './rows.ts';

/**
 * Expands a subscription's discounts. The coupons of items lie deeper than Stripe expands, so they come as
 * ids.
 */
export const withDiscounts = ['discounts.source.coupon', 'items.data.discounts'];

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

async function fetchSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  id: string,
): Promise<void> {
  const subscription = await whereAllowed(withDiscounts, [], (expand) =>
    stripe.subscriptions.retrieve(id, { expand }),
  );
  return addSubscription(stripe, snapshot, subscription);
}

/** Adds a subscription from Stripe, with all its items and, if it owes, the start of its debt. */
export async function addSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  subscription: Stripe.Subscription,
): Promise<void> {
  const { id } = subscription;
  const items = await whereAllowed(['data.discounts'], [], (expand) =>
    wholeList(subscription.items, (page) =>
      stripe.subscriptionItems.list({ subscription: id, expand, ...page }),
    ),
  );
  ofOnly(id, items, (item) => item.subscription);
  // A subscription has at least one item: fewer are a truncated page, and no evidence.
  if (items.length < Math.max(1, subscription.items.data.length)) {
    throw new ImplausibleAnswer('Stripe returned fewer items than the subscription has');
  }
  const owes = subscription.status === 'past_due' || subscription.status === 'unpaid';
  const anchor = owes ? dunningAnchor(await fetchInvoices(stripe, id)) : null;
  const coupons = await fetchCoupons(stripe, couponsToFetch(subscription, items));
  if (subscription.test_clock !== null) snapshot.onTestClock.push(id);
  snapshot.subscriptions.push(subscriptionRow(subscription, items, anchor, coupons));
}

/**
 * Fetches coupons. A deleted coupon lives on in its discounts alone and is left out. Only reports need
 * coupons, so if they cannot be fetched (null), the subscription is synced without them.
 */
async function fetchCoupons(
  stripe: Stripe,
  ids: ReadonlySet<string>,
): Promise<Map<string, Stripe.Coupon> | null> {
  const coupons = new Map<string, Stripe.Coupon>();
  for (const id of ids) {
    try {
      coupons.set(id, await stripe.coupons.retrieve(id));
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (!isMissing(error)) return null;
    }
  }
  return coupons;
}

async function fetchInvoices(
  stripe: Stripe,
  subscription: string,
): Promise<readonly Stripe.Invoice[]> {
  const invoices = await listAll((page) => stripe.invoices.list({ subscription, ...page }));
  return ofOnly(subscription, invoices, ({ parent }) =>
    optionalReference(parent?.subscription_details?.subscription),
  );
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

/**
 * Fetches Stripe's own entitlements of a customer, to compare them with ours. The subscriptions behind them
 * are fetched too, since they may be new to us.
 */
async function fetchSummary(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  customer: string,
): Promise<void> {
  const subscriptions = await whereAllowed(
    withDiscounts.map((path) => `data.${path}`),
    [],
    (expand) =>
      listAll((page) => stripe.subscriptions.list({ customer, status: 'all', expand, ...page })),
  );
  for (const each of subscriptions) await addSubscription(stripe, snapshot, each);
  const active = await listAll((page) =>
    stripe.entitlements.activeEntitlements.list({ customer, ...page }),
  );
  snapshot.summaries.push({ id: customer, lookupKeys: active.map((one) => one.lookup_key) });
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

/** Returns a whole nested list: Stripe leaves it out unless it is expanded, and cuts it at ten entries. */
export async function wholeList<T extends { id: string }>(
  nested: Stripe.ApiList<T> | null | undefined,
  list: ListPage<T>,
): Promise<T[]> {
  return nested?.has_more === false ? nested.data : listAll(list);
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

/** Returns whether Stripe answered "no such object", which a wrong key or mode causes too. */
export function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.code === 'resource_missing';
}
