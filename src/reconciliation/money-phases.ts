import { disputeRow, invoiceRow, refundRow } from '../mirror/core/money-from-stripe.ts';
import { emptySnapshot, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { addCharge } from '../mirror/fetch.ts';
import { wholeList } from '../platform/stripe-lists.ts';
import { differsFromStored } from './core/diff.ts';
import { correctPage } from './correct-page.ts';
import { compareSingle, fetchPage } from './pages.ts';
import type { Position, RunContext } from './run-context.ts';

/*
 * Compares money that was created since the last success. The mirror keeps charges that belong to a
 * purchase, were refunded or are disputed, and invoices once they are final; others are left out.
 */

export async function compareCharges(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, since } = context;
  const stripe = deps.stripeForReconciliation;
  const { number, objects, next } = await fetchPage(
    context,
    (params) => stripe.charges.list({ ...params, expand: ['data.refunds'] }),
    position,
    since,
  );
  const held = await deps.database.prisma.charge.findMany({
    where: { id: { in: objects.map(({ id }) => id) } },
    select: { id: true },
  });
  const heldIds = new Set(held.map(({ id }) => id));
  const snapshots: StripeSnapshot[] = [];
  for (const charge of objects) {
    if (!heldIds.has(charge.id) && charge.amount_refunded === 0 && !charge.disputed) continue;
    const snapshot = emptySnapshot();
    await addCharge(stripe, snapshot, charge);
    snapshots.push(snapshot);
  }
  await correctPage(context, snapshots, number);
  return next;
}

/**
 * Compares a page of refunds. The charge of a refund that differs may be older, so it is fetched and
 * compared.
 */
export async function compareRefunds(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, since } = context;
  const { objects, next } = await fetchPage(
    context,
    (params) => deps.stripeForReconciliation.refunds.list(params),
    position,
    since,
  );
  const held = await deps.database.prisma.refund.findMany({
    where: { id: { in: objects.map(({ id }) => id) } },
  });
  const byId = new Map(held.map((row) => [row.id, row]));
  const chargeIds = new Set(
    objects
      .map(refundRow)
      .filter((row) => differsFromStored(row, byId.get(row.id)))
      .flatMap(({ chargeId }) => chargeId ?? []),
  );
  for (const objectId of chargeIds) {
    await context.beat();
    await compareSingle(context, { objectType: 'charge', objectId }, false);
  }
  return next;
}

/** Compares a page of disputes. One that differs is fetched with its charge, which leads to the owner. */
export async function compareDisputes(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, since } = context;
  const { objects, next } = await fetchPage(
    context,
    (params) => deps.stripeForReconciliation.disputes.list(params),
    position,
    since,
  );
  const held = await deps.database.prisma.dispute.findMany({
    where: { id: { in: objects.map(({ id }) => id) } },
  });
  const byId = new Map(held.map((row) => [row.id, row]));
  for (const row of objects.map(disputeRow)) {
    if (!differsFromStored(row, byId.get(row.id))) continue;
    await context.beat();
    await compareSingle(context, { objectType: 'dispute', objectId: row.id }, false);
  }
  return next;
}

export async function compareInvoices(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, since } = context;
  const stripe = deps.stripeForReconciliation;
  const { number, objects, next } = await fetchPage(
    context,
    (params) => stripe.invoices.list({ ...params, expand: ['data.payments'] }),
    position,
    since,
  );
  const snapshots: StripeSnapshot[] = [];
  for (const invoice of objects) {
    if (invoice.status === 'draft') continue;
    const payments = await wholeList(invoice.payments, (page) =>
      stripe.invoicePayments.list({ invoice: invoice.id, ...page }),
    );
    snapshots.push({ ...emptySnapshot(), invoices: [invoiceRow(invoice, payments)] });
  }
  await correctPage(context, snapshots, number);
  return next;
}
