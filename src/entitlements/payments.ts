import type { Tx } from '../platform/database.ts';
import { disputedAmounts } from './disputed.ts';

interface Reversal {
  id: string;
  amount: number;
  /** Stripe's; where that is one that we do not know, the last one that we did. */
  status: string;
  createdAt: number;
}

/** What became of the money that a purchase was paid with. */
interface Payment {
  /** Everything that was charged together, minor units; null where no charge is known. */
  amount: number | null;
  refunds: Reversal[];
  disputes: Reversal[];
}

interface ReversalRow {
  id: string;
  amount: bigint;
  status: string;
  knownStatus: string | null;
  createdAt: Date;
}

type ChargeRow = Awaited<ReturnType<Tx['charge']['findMany']>>[number];
type RefundRow = Awaited<ReturnType<Tx['refund']['findMany']>>[number];
type DisputeRow = Awaited<ReturnType<Tx['dispute']['findMany']>>[number];

export interface Payments {
  of(purchase: { paymentIntentId: string | null; invoiceId: string | null }): Payment;
}

/**
 * Charges, refunds and disputes of purchases. They join by payment intent, refunds and disputes by their
 * charge too; a one-time line of a subscription checkout by invoice, whose payments name the intents
 * (Stripe: charges and intents carry no invoice).
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
  // Stripe may leave the intent out of a refund or a dispute: the charge has it.
  const ofCharges = { chargeId: { in: charges.map(({ id }) => id) } };
  const reversed = { where: { OR: [ofIntents, ofCharges] } };
  const refunds = none ? [] : await tx.refund.findMany(reversed);
  const disputes = none ? [] : await tx.dispute.findMany(reversed);
  return {
    of({ paymentIntentId, invoiceId }) {
      const intents = new Set(
        present([
          paymentIntentId,
          ...invoicePayments
            .filter((payment) => invoiceId !== null && payment.invoiceId === invoiceId)
            .map((payment) => payment.paymentIntentId),
        ]),
      );
      const ours = (row: { paymentIntentId: string | null }) =>
        row.paymentIntentId !== null && intents.has(row.paymentIntentId);
      const ourCharges = charges.filter(ours);
      const chargeIds = new Set(ourCharges.map(({ id }) => id));
      const back = (row: { chargeId: string | null; paymentIntentId: string | null }) =>
        ours(row) || (row.chargeId !== null && chargeIds.has(row.chargeId));
      const charged = ourCharges.filter(({ status }) => status === 'succeeded');
      return {
        amount:
          charged.length === 0
            ? null
            : charged.reduce((sum, charge) => sum + Number(charge.amount), 0),
        refunds: refunds.filter(back).map(reversal),
        disputes: disputesOf(ourCharges, refunds.filter(back), disputes.filter(back)),
      };
    },
  };
}

/** Disputes with what they take of their charge; as Stripe has them where their charge is not known. */
function disputesOf(
  charges: readonly ChargeRow[],
  refunds: readonly RefundRow[],
  disputes: readonly DisputeRow[],
): Reversal[] {
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

function reversal(row: ReversalRow): Reversal {
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
