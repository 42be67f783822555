import { applyPrices, applyProducts } from '../catalog/store.ts';
import {
  isKnownDisputeStatus,
  isKnownRefundStatus,
  isKnownStatus,
  isTerminal,
} from '../entitlements/core/stripe-statuses.ts';
import type { Tx } from '../platform/database.ts';
import type {
  CustomerRow,
  DisputeRow,
  InvoiceRow,
  SessionRow,
  SubscriptionRow,
} from './core/rows.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';

/*
 * Writes the mirror's rows. The caller holds the locks and has removed what a later fetch wrote. owner.ts
 * sets the owners (`uid`).
 */

async function storeCustomer(tx: Tx, row: CustomerRow): Promise<void> {
  const { id, email, deleted, createdAt } = row;
  if (deleted) {
    await tx.customer.updateMany({
      where: { id },
      data: { deleted: true, email: null, isPrimary: false },
    });
    return;
  }
  if (createdAt === null) throw new Error('a customer that exists has no creation date');
  await tx.customer.upsert({
    where: { id },
    create: { id, email, createdAt },
    update: { email, createdAt },
  });
}

/**
 * Stores a subscription. A terminal status is final at Stripe, so a snapshot that contradicts it is older.
 * An unknown status keeps the last known effect, and denies if it is the first that we see.
 *
 * @returns false if the status is unknown, which raises an alarm.
 */
async function storeSubscription(tx: Tx, row: SubscriptionRow, revived: boolean): Promise<boolean> {
  const { items, discounts, ...rest } = row;
  const former = await tx.subscription.findUnique({ where: { id: row.id } });
  const ended = former !== null && isTerminal(former.status) && !isTerminal(row.status);
  if (ended && !revived) return true;
  const known = isKnownStatus(row.status);
  const data = {
    ...rest,
    ...(known || former === null
      ? { effectiveStatus: row.status }
      : {
          effectiveStatus: former.effectiveStatus,
          dunningAnchorAt: former.dunningAnchorAt,
          pausedAt: former.pausedAt,
        }),
  };
  await tx.subscription.upsert({ where: { id: row.id }, create: data, update: data });
  await tx.subscriptionItem.deleteMany({ where: { subscriptionId: row.id } });
  await tx.subscriptionItem.createMany({ data: items });
  if (discounts !== undefined) {
    await tx.subscriptionDiscount.deleteMany({ where: { subscriptionId: row.id } });
    if (discounts.length > 0) await tx.subscriptionDiscount.createMany({ data: discounts });
  }
  return known;
}

/** Stores a session. A line that was paid stays bought; refunds and disputes say what was returned. */
async function storeSession(tx: Tx, row: SessionRow): Promise<void> {
  const { purchases, priceIds, ...data } = row;
  await tx.checkoutSession.upsert({ where: { id: row.id }, create: data, update: data });
  for (const purchase of purchases) {
    await tx.purchase.upsert({ where: { id: purchase.id }, create: purchase, update: purchase });
  }
}

async function storeInvoice(tx: Tx, row: InvoiceRow): Promise<void> {
  const { payments, ...data } = row;
  await tx.invoice.upsert({ where: { id: row.id }, create: data, update: data });
  for (const payment of payments) {
    await tx.invoicePayment.upsert({ where: { id: payment.id }, create: payment, update: payment });
  }
}

/**
 * Stores a charge with its refunds.
 * @returns the ids of refunds with an unknown status.
 */
async function storeCharge(tx: Tx, charge: StripeSnapshot['charges'][number]): Promise<string[]> {
  const { refunds, ...data } = charge;
  await tx.charge.upsert({ where: { id: charge.id }, create: data, update: data });
  const unknown: string[] = [];
  for (const refund of refunds) {
    const { id } = refund;
    const known = isKnownRefundStatus(refund.status);
    const former = known ? null : await tx.refund.findUnique({ where: { id } });
    const row = { ...refund, knownStatus: former && lastKnown(former, isKnownRefundStatus) };
    await tx.refund.upsert({ where: { id }, create: row, update: row });
    if (!known) unknown.push(id);
  }
  return unknown;
}

/**
 * Stores a dispute.
 * @returns false if the status is unknown, which raises an alarm.
 */
async function storeDispute(tx: Tx, dispute: DisputeRow): Promise<boolean> {
  const { id } = dispute;
  const known = isKnownDisputeStatus(dispute.status);
  const former = known ? null : await tx.dispute.findUnique({ where: { id } });
  const row = { ...dispute, knownStatus: former && lastKnown(former, isKnownDisputeStatus) };
  await tx.dispute.upsert({ where: { id }, create: row, update: row });
  return known;
}

/** Returns the status that keeps its effect while Stripe reports an unknown one; null if none is known. */
function lastKnown(
  { status, knownStatus }: { status: string; knownStatus: string | null },
  isKnown: (status: string) => boolean,
): string | null {
  return isKnown(status) ? status : knownStatus;
}

/**
 * Writes everything that the snapshot shows.
 *
 * @returns the ids of subscriptions, refunds and disputes with an unknown status.
 */
export async function storeSnapshot(tx: Tx, snapshot: StripeSnapshot): Promise<string[]> {
  const unknown: string[] = [];
  await applyProducts(tx, snapshot.products);
  await applyPrices(tx, snapshot.prices);
  for (const row of snapshot.customers) await storeCustomer(tx, row);
  for (const row of snapshot.subscriptions) {
    const known = await storeSubscription(tx, row, snapshot.revived.includes(row.id));
    if (!known) unknown.push(row.id);
  }
  for (const row of snapshot.sessions) await storeSession(tx, row);
  for (const row of snapshot.invoices) await storeInvoice(tx, row);
  for (const row of snapshot.charges) unknown.push(...(await storeCharge(tx, row)));
  for (const row of snapshot.disputes) if (!(await storeDispute(tx, row))) unknown.push(row.id);
  return unknown;
}
