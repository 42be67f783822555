import type { PolicyFact } from '../policy.ts';
import type { PurchaseFact } from './facts.ts';
import { without } from './intervals.ts';
import { byText } from './order.ts';
import { createPurchaseQueue, type SetAside, type PurchasePeriods } from './purchase-queue.ts';
import { earliest, lifecycleOfPeriods, type LifecyclePhase } from './source-lifecycle.ts';
import { isLost, isReturned, isUndecided } from './stripe-statuses.ts';

interface PurchaseLifecycle {
  purchase: PurchaseFact;
  startAt: number;
  lifecycle: LifecyclePhase[];
  endedBy: PurchaseEnd;
}

/** What ends a purchase: running out of days, a refund or lost dispute, or an open dispute. */
export type PurchaseEnd = 'time' | 'refund' | 'dispute';

/**
 * Returns when each purchase of **one price** gives access. With `accessDays`, purchases run one after
 * another in the order of purchase, each for all its days (`createPurchaseQueue`). A refund ends a purchase
 * or keeps it from beginning. Later purchases then move up, but never into the past. With `no_queue`, each
 * runs from its own instant.
 */
export function purchaseLifecycle(
  purchases: readonly PurchaseFact[],
  accessDays: number | null,
  policy: PolicyFact,
  setAside: readonly SetAside[] | 'no_queue',
): PurchaseLifecycle[] {
  const inOrder = purchases.toSorted((a, b) => a.purchasedAt - b.purchasedAt || byText(a.id, b.id));
  const isQueued = setAside !== 'no_queue';
  const queue = createPurchaseQueue(isQueued ? setAside : []);
  return inOrder.map((purchase) => {
    const { purchasedAt } = purchase;
    if (purchase.quantity === 0) {
      return { purchase, startAt: purchasedAt, lifecycle: [], endedBy: 'time' };
    }
    const paid =
      accessDays === null ? foreverFrom(purchasedAt) : queue.schedule(purchasedAt, accessDays);
    const returnedMoneyAt = returnedAt(purchase, policy);
    const endAt = earliest(paid.usedUpAt, returnedMoneyAt, suspendedAt(purchase, policy));
    const periods = without(paid.periods, [{ from: endAt, to: Infinity }]);
    if (isQueued && accessDays !== null) queue.occupy(periods);
    return {
      purchase,
      startAt: paid.periods[0]?.from ?? Infinity,
      lifecycle: lifecycleOfPeriods(periods, endAt),
      endedBy: endAt === paid.usedUpAt ? 'time' : endAt === returnedMoneyAt ? 'refund' : 'dispute',
    };
  });
}

function foreverFrom(from: number): PurchasePeriods {
  return { periods: [{ from, to: Infinity }], usedUpAt: Infinity };
}

/**
 * Returns when refunds and lost disputes ended the purchase under the policy; Infinity if they did not. A
 * partial refund keeps its effect when later refunds add up to the total: further refunds never restore
 * access.
 */
function returnedAt(purchase: PurchaseFact, policy: PolicyFact): number {
  const returned = [
    ...purchase.refunds.filter(({ status }) => isReturned(status)),
    // Stripe does not report when a dispute is lost, but it withdraws the money when the dispute is created.
    ...purchase.disputes.filter(({ status }) => isLost(status)),
  ].filter(({ amount }) => amount > 0);
  const whole = wholeAmount(purchase);
  return earliest(
    policy.refundFull === 'revoke' ? reachedAt(returned, whole) : null,
    ...returned
      .filter(({ amount }) => policy.refundPartial === 'revoke' && amount < whole)
      .map(({ createdAt }) => createdAt),
  );
}

/** Returns when the returned money reached the total; null if it never did. */
function reachedAt(
  returned: readonly { amount: number; createdAt: number }[],
  whole: number,
): number | null {
  let sum = 0;
  for (const { amount, createdAt } of returned.toSorted((a, b) => a.createdAt - b.createdAt)) {
    sum += amount;
    if (sum >= whole) return createdAt;
  }
  return null;
}

/**
 * Returns the amount that counts as a full refund: normally that of the payment. For an invoice line that was
 * not free, it is the amount of the line, because the payment also covers other lines.
 */
function wholeAmount({ ofInvoice, amount, paymentAmount }: PurchaseFact): number {
  return ofInvoice && amount > 0 ? Math.min(amount, paymentAmount) : paymentAmount;
}

/**
 * Returns when an open dispute suspended the purchase. Later purchases move up immediately, so a later loss
 * of the dispute does not rewrite their periods.
 */
function suspendedAt({ disputes }: PurchaseFact, policy: PolicyFact): number | null {
  if (policy.disputeOpened === 'keep') return null;
  return earliest(
    ...disputes.filter(({ status }) => isUndecided(status)).map(({ createdAt }) => createdAt),
  );
}
