import type { PolicyFact } from '../policy.ts';
import type { SubscriptionFact, SubscriptionItemFact } from './facts.ts';
import {
  daysAfter,
  type LifecycleBounds,
  lifecycleOf,
  type LifecyclePhase,
} from './source-lifecycle.ts';
import { isKnownStatus } from './stripe-statuses.ts';

/**
 * Returns when a subscription item gives access. Each status maps to instants that are known in advance, so
 * no job has to end a window. A quantity of 0 or an unknown status has no phases: such an item neither gives
 * access nor explains a denial.
 */
export function itemLifecycle(
  subscription: SubscriptionFact,
  item: SubscriptionItemFact,
  policy: PolicyFact,
): LifecyclePhase[] {
  const lapse = item.quantity === 0 ? null : lapseOf(subscription, policy);
  return lapse === null ? [] : lifecycleOf({ startAt: itemStart(subscription, item), ...lapse });
}

/** Returns when an item started: with the subscription, or later if it was added later. */
export function itemStart(subscription: SubscriptionFact, item: SubscriptionItemFact): number {
  return Math.max(subscription.startDate, item.createdAt);
}

function lapseOf(
  subscription: SubscriptionFact,
  policy: PolicyFact,
): Omit<LifecycleBounds, 'startAt'> | null {
  const { status, dunningAnchorAt, pausedAt, endedAt, canceledAt } = subscription;
  if (!isKnownStatus(status)) return null;
  const endAt = endOf(subscription);
  switch (status) {
    case 'active':
    case 'trialing':
      return { overdueAt: Infinity, endAt };
    case 'past_due':
      // Without an anchor, the age of the debt is unknown, so access continues.
      return { overdueAt: daysAfter(dunningAnchorAt ?? Infinity, policy.graceDays), endAt };
    case 'unpaid':
      return { overdueAt: dunningAnchorAt ?? -Infinity, endAt };
    case 'paused':
      return { overdueAt: pausedAt ?? -Infinity, endAt };
    case 'incomplete':
      return { overdueAt: -Infinity, endAt };
    case 'incomplete_expired':
      return { overdueAt: Infinity, endAt: -Infinity };
    case 'canceled':
      // A canceled subscription without an end date counts as never started.
      return { overdueAt: Infinity, endAt: endedAt ?? canceledAt ?? -Infinity };
  }
}

function endOf({ endedAt, cancelAt, cancelAtPeriodEnd, items }: SubscriptionFact): number {
  if (endedAt !== null) return endedAt;
  if (cancelAt !== null) return cancelAt;
  // Items may have monthly and yearly periods. Stripe ends all items when the first period ends.
  return cancelAtPeriodEnd ? Math.min(...items.map((item) => item.currentPeriodEnd)) : Infinity;
}
