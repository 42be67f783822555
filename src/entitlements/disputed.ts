import { byText } from './order.ts';

/** Refunds on their way count like those that arrived; one that `failed` or was `canceled` gives access back. */
const countingRefunds: ReadonlySet<string> = new Set(['succeeded', 'pending', 'requires_action']);

/** Whether money of a refund in this status counts as given back. */
export function isGivenBack(status: string): boolean {
  return countingRefunds.has(status);
}

interface Reversal {
  id: string;
  amount: number;
  status: string;
  createdAt: number;
}

/**
 * What each dispute of a charge takes of it if it is lost, minor units of the charge, in the order given.
 * A bank disputes what its customer was billed: in the buyer's currency, or at another day's rate. So a
 * dispute in another currency, or within 5 % of all that is left of the charge, is about all that is left.
 *
 * @param refunds of the charge.
 */
export function disputedAmounts(
  charge: { amount: number; currency: string },
  refunds: readonly Reversal[],
  disputes: readonly (Reversal & { currency: string })[],
): number[] {
  const refunded = refunds.filter(({ status }) => isGivenBack(status));
  let left = charge.amount - refunded.reduce((sum, { amount }) => sum + amount, 0);
  const amounts = new Map<object, number>();
  for (const dispute of disputes.toSorted(byCreation)) {
    const { amount, currency, status } = dispute;
    const isAll = left > 0 && (currency !== charge.currency || amount * 20 >= left * 19);
    const taken = isAll ? left : amount;
    amounts.set(dispute, taken);
    if (status === 'lost') left -= taken;
  }
  return disputes.map((dispute) => amounts.get(dispute) ?? dispute.amount);
}

function byCreation(one: Reversal, other: Reversal): number {
  return one.createdAt - other.createdAt || byText(one.id, other.id);
}
