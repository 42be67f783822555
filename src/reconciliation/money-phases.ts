import { snapshotOf } from '../mirror/core/stripe-snapshot.ts';
import { invoiceRow } from '../mirror/core/money-from-stripe.ts';
import { addCharge, refundRow } from '../mirror/objects/charge.ts';
import { disputeRow } from '../mirror/objects/dispute.ts';
import { related, whereIn } from '../mirror/objects/followed-object.ts';
import { wholeList } from '../platform/stripe-lists.ts';
import { added, compareList, compareParts } from './compare-list.ts';

/*
 * Compares charges, refunds, disputes and invoices created since the last success. The mirror stores
 * finalized invoices, and charges that belong to a purchase, were refunded or are disputed. Everything else
 * is skipped.
 */

export const compareCharges = compareList({
  list: (stripe, params) => stripe.charges.list({ ...params, expand: ['data.refunds'] }),
  onlyRecent: true,
  async select(tx, charges) {
    const stored = await tx.charge.findMany({ ...whereIn(charges), select: { id: true } });
    const storedIds = new Set(stored.map(({ id }) => id));
    return charges.filter(
      ({ id, amount_refunded: refunded, disputed }) =>
        storedIds.has(id) || refunded !== 0 || disputed,
    );
  },
  toSnapshot: added(addCharge),
});

/** A refund is compared with its charge, which may be older. */
export const compareRefunds = compareParts({
  list: (stripe, params) => stripe.refunds.list(params),
  onlyRecent: true,
  toRow: refundRow,
  load: (tx, rows) => tx.refund.findMany(whereIn(rows)),
  refsOf: ({ chargeId }) => related('charge', chargeId),
});

/** A dispute is fetched with its charge, which determines its owner. */
export const compareDisputes = compareParts({
  list: (stripe, params) => stripe.disputes.list(params),
  onlyRecent: true,
  toRow: disputeRow,
  load: (tx, rows) => tx.dispute.findMany(whereIn(rows)),
  refsOf: ({ id }) => related('dispute', id),
});

export const compareInvoices = compareList({
  list: (stripe, params) => stripe.invoices.list({ ...params, expand: ['data.payments'] }),
  onlyRecent: true,
  select: (_, invoices) => Promise.resolve(invoices.filter(({ status }) => status !== 'draft')),
  async toSnapshot({ deps }, invoice) {
    const payments = await wholeList(invoice.payments, (page) =>
      deps.stripeForReconciliation.invoicePayments.list({ invoice: invoice.id, ...page }),
    );
    return snapshotOf({ invoice: [invoiceRow(invoice, payments)] });
  },
});
