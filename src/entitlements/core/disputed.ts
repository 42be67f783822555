import type { ReversalFact } from './facts.ts';
import { byText } from './order.ts';
import { isLost, isReturned } from './stripe-statuses.ts';

/**
 * Returns, for each dispute in the given order, how much of the charge is lost if the dispute is lost, in
 * minor units. A dispute in another currency, or within 5 % of what remains of the charge, counts as a loss
 * of all that remains: banks dispute the amount in the buyer's currency, at another day's exchange rate.
 *
 * @param refunds all refunds of the charge.
 */
export function disputedAmounts(
  charge: { amount: number; currency: string },
  refunds: readonly ReversalFact[],
  disputes: readonly (ReversalFact & { currency: string })[],
): number[] {
  const refunded = refunds.filter(({ status }) => isReturned(status));
  let left = charge.amount - refunded.reduce((sum, { amount }) => sum + amount, 0);
  const amounts = new Map<object, number>();
  for (const dispute of disputes.toSorted(byCreation)) {
    const { amount, currency, status } = dispute;
    const isAll = left > 0 && (currency !== charge.currency || amount * 20 >= left * 19);
    const loss = isAll ? left : amount;
    amounts.set(dispute, loss);
    if (isLost(status)) left -= loss;
  }
  return disputes.map((dispute) => amounts.get(dispute) ?? dispute.amount);
}

function byCreation(one: ReversalFact, other: ReversalFact): number {
  return one.createdAt - other.createdAt || byText(one.id, other.id);
}
