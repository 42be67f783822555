import type { Charge, Dispute, Refund } from '../../generated/prisma/client.ts';
import type { Tx } from '../../platform/database.ts';
import { disputedAmounts } from '../core/disputed.ts';
import type { ReversalFact } from '../core/facts.ts';

/** The payment of a purchase, with its refunds and disputes. */
interface Payment {
  /** The sum of the successful charges, minor units; null if no charge is known. */
  amount: number | null;
  refunds: ReversalFact[];
  disputes: ReversalFact[];
}

export interface Payments {
  of(purchase: { paymentIntentId: string | null; invoiceId: string | null }): Payment;
}

/**
 * Loads charges, refunds and disputes of purchases by payment intent. A one-time line of a subscription
 * checkout is joined through its invoice, whose payments name the intents.
 */
export async function loadPayments(
  tx: Tx,
  purchases: { paymentIntentId: string | null; invoiceId: string | null }[],
): Promise<Payments> {
  const invoiceIds = present(purchases.map(({ invoiceId }) => invoiceId));
  const invoicePayments =
    invoiceIds.length === 0
      ? []
      : await tx.invoicePayment.findMany({ where: { invoiceId: { in: invoiceIds } } });
  const intentIds = present([
    ...purchases.map(({ paymentIntentId }) => paymentIntentId),
    ...invoicePayments.map(({ paymentIntentId }) => paymentIntentId),
  ]);
  const ofIntents = { paymentIntentId: { in: intentIds } };
  const none = intentIds.length === 0;
  const charges = none ? [] : await tx.charge.findMany({ where: ofIntents });
  const ofCharges = { chargeId: { in: charges.map(({ id }) => id) } };
  const reversed = { where: { OR: [ofIntents, ofCharges] } };
  const refunds = none ? [] : await tx.refund.findMany(reversed);
  const disputes = none ? [] : await tx.dispute.findMany(reversed);

  const intentOfCharge = new Map(charges.map((charge) => [charge.id, charge.paymentIntentId]));
  // Stripe may omit the intent from a refund or dispute, but the charge has it.
  const intentOf = (row: Refund | Dispute) =>
    intentOfCharge.get(row.chargeId ?? '') ?? row.paymentIntentId;
  const paymentsOfInvoice = Map.groupBy(invoicePayments, ({ invoiceId }) => invoiceId);
  const chargesOf = Map.groupBy(charges, ({ paymentIntentId }) => paymentIntentId);
  const refundsOf = Map.groupBy(refunds, intentOf);
  const disputesOf = Map.groupBy(disputes, intentOf);
  return {
    of({ paymentIntentId, invoiceId }) {
      const ofInvoice = invoiceId === null ? [] : (paymentsOfInvoice.get(invoiceId) ?? []);
      const intents = present([paymentIntentId, ...ofInvoice.map((paid) => paid.paymentIntentId)]);
      const ourCharges = intents.flatMap((intent) => chargesOf.get(intent) ?? []);
      const ourRefunds = intents.flatMap((intent) => refundsOf.get(intent) ?? []);
      const ourDisputes = intents.flatMap((intent) => disputesOf.get(intent) ?? []);
      const charged = ourCharges.filter(({ status }) => status === 'succeeded');
      return {
        amount:
          charged.length === 0
            ? null
            : charged.reduce((sum, charge) => sum + Number(charge.amount), 0),
        refunds: ourRefunds.map(reversal),
        disputes: valuedDisputes(ourCharges, ourRefunds, ourDisputes),
      };
    },
  };
}

/**
 * Maps disputes with their share of the charge (`disputedAmounts`). If the charge is unknown, Stripe's amount
 * is used.
 */
function valuedDisputes(
  charges: readonly Charge[],
  refunds: readonly Refund[],
  disputes: readonly Dispute[],
): ReversalFact[] {
  const known = charges.flatMap((charge) => {
    const ofCharge = disputes.filter(({ chargeId }) => chargeId === charge.id);
    const amounts = disputedAmounts(
      { amount: Number(charge.amount), currency: charge.currency },
      refunds.filter(({ chargeId }) => chargeId === null || chargeId === charge.id).map(reversal),
      ofCharge.map((row) => ({ ...reversal(row), currency: row.currency })),
    );
    return ofCharge.map((row, at) => ({
      ...reversal(row),
      amount: amounts[at] ?? Number(row.amount),
    }));
  });
  const ids = new Set(charges.map(({ id }) => id));
  const unknown = disputes.filter(({ chargeId }) => !ids.has(chargeId));
  return [...known, ...unknown.map(reversal)];
}

/** Maps a refund or dispute. An unknown status counts as the last known one. */
function reversal(row: Refund | Dispute): ReversalFact {
  return {
    id: row.id,
    amount: Number(row.amount),
    status: row.knownStatus ?? row.status,
    createdAt: row.createdAt.getTime(),
  };
}

function present(values: (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))];
}
