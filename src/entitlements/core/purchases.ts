import type { PolicyFact } from '../policy.ts';
import type { PurchaseFact } from './facts.ts';
import { without } from './intervals.ts';
import { byText } from './order.ts';
import { createPurchaseQueue, type SetAside, type Turn } from './purchase-queue.ts';
import { earliest, lifecycleOfPieces, type LifecyclePhase } from './source-lifecycle.ts';
import { isLost, isReturned, isUndecided } from './stripe-statuses.ts';

export interface PurchaseLifecycle {
  purchase: PurchaseFact;
  startAt: number;
  lifecycle: LifecyclePhase[];
  endedBy: PurchaseEnd;
}

/** The cause of the end: its days, returned money (a lost dispute included), or an open dispute. */
export type PurchaseEnd = 'time' | 'refund' | 'dispute';

/**
 * Returns when each purchase of **one price** gives access. With `accessDays`, purchases follow one another
 * in the order of purchase, each with all its days (`createPurchaseQueue`). A purchase whose money was
 * returned ends then or never begins; later ones move up, but never into the past.
 */
export function purchaseLifecycle(
  purchases: readonly PurchaseFact[],
  accessDays: number | null,
  policy: PolicyFact,
  setAside: readonly SetAside[],
): PurchaseLifecycle[] {
  const inOrder = purchases.toSorted((a, b) => a.purchasedAt - b.purchasedAt || byText(a.id, b.id));
  const queue = createPurchaseQueue(setAside);
  return inOrder.map((purchase) => {
    const { purchasedAt } = purchase;
    if (purchase.quantity === 0) {
      return { purchase, startAt: purchasedAt, lifecycle: [], endedBy: 'time' };
    }
    const turn =
      accessDays === null ? foreverFrom(purchasedAt) : queue.turnOf(purchasedAt, accessDays);
    const moneyBackAt = returnedAt(purchase, policy);
    const endAt = earliest(turn.usedUpAt, moneyBackAt, suspendedAt(purchase, policy));
    const pieces = without(turn.pieces, [{ from: endAt, to: Infinity }]);
    if (accessDays !== null) queue.occupy(pieces);
    return {
      purchase,
      startAt: turn.pieces[0]?.from ?? Infinity,
      lifecycle: lifecycleOfPieces(pieces, endAt),
      endedBy: endAt === turn.usedUpAt ? 'time' : endAt === moneyBackAt ? 'refund' : 'dispute',
    };
  });
}

function foreverFrom(from: number): Turn {
  return { pieces: [{ from, to: Infinity }], usedUpAt: Infinity };
}

/**
 * Returns the instant at which returned money ended the purchase under the policy; Infinity = it did not. A
 * partial refund stays partial when later ones reach the total: more refunds never restore what fewer took.
 */
function returnedAt(purchase: PurchaseFact, policy: PolicyFact): number {
  const returned = [
    ...purchase.refunds.filter(({ status }) => isReturned(status)),
    // Stripe does not report the instant of the loss. The money was withdrawn when the dispute was created.
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

/** Returns when the returned money reached the total; null = it has not. */
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
 * Returns the amount whose return is a full refund. A line of an invoice shares a payment with others, so its
 * own amount suffices, unless it was free.
 */
function wholeAmount({ ofInvoice, amount, paymentAmount }: PurchaseFact): number {
  return ofInvoice && amount > 0 ? Math.min(amount, paymentAmount) : paymentAmount;
}

/**
 * Returns when an open dispute began to suspend the purchase. Later purchases move up immediately, so a later
 * loss does not change their past.
 */
function suspendedAt({ disputes }: PurchaseFact, policy: PolicyFact): number | null {
  if (policy.disputeOpened === 'keep') return null;
  return earliest(
    ...disputes.filter(({ status }) => isUndecided(status)).map(({ createdAt }) => createdAt),
  );
}
