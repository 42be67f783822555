import type { PolicyFact, SubscriptionFact, SubscriptionItemFact } from './facts.ts';
import { daysAfter, stretchesOf, type Stretch } from './stretches.ts';

/**
 * When one item of a subscription gives what it carries. The status is turned into instants that are
 * known in advance, so that no job has to run for a window to end. Empty where the item is off
 * (quantity 0) or the status is one whose effect was never known: that denies, and says nothing more.
 */
export function itemStretches(
  subscription: SubscriptionFact,
  item: SubscriptionItemFact,
  policy: PolicyFact,
): Stretch[] {
  const lapse = item.quantity === 0 ? null : lapseOf(subscription, policy);
  return lapse === null ? [] : stretchesOf({ startAt: itemStart(subscription, item), ...lapse });
}

/** An item that was added later starts later; one that was there from the start, with the subscription. */
export function itemStart(subscription: SubscriptionFact, item: SubscriptionItemFact): number {
  return Math.max(subscription.startDate, item.createdAt);
}

interface Lapse {
  overdueAt: number;
  endAt: number;
}

function lapseOf(subscription: SubscriptionFact, policy: PolicyFact): Lapse | null {
  const { status, dunningAnchorAt, pausedAt } = subscription;
  const endAt = endOf(subscription);
  switch (status) {
    case 'active':
    case 'trialing':
      return { overdueAt: Infinity, endAt };
    case 'past_due':
      // Without an anchor there is no evidence of a debt that is old enough: access stays.
      return {
        overdueAt:
          dunningAnchorAt === null ? Infinity : daysAfter(dunningAnchorAt, policy.graceDays),
        endAt,
      };
    case 'unpaid':
      return { overdueAt: dunningAnchorAt ?? -Infinity, endAt };
    case 'paused':
      return { overdueAt: pausedAt ?? -Infinity, endAt };
    case 'incomplete':
      return { overdueAt: -Infinity, endAt };
    case 'incomplete_expired':
      return { overdueAt: Infinity, endAt: -Infinity };
    case 'canceled':
      // One that tells no end never started, as far as anyone can show.
      return {
        overdueAt: Infinity,
        endAt: subscription.endedAt ?? subscription.canceledAt ?? -Infinity,
      };
    default:
      return null;
  }
}

function endOf({ endedAt, cancelAt, cancelAtPeriodEnd, items }: SubscriptionFact): number {
  if (endedAt !== null) return endedAt;
  if (cancelAt !== null) return cancelAt;
  // Items may be billed monthly and yearly side by side; Stripe ends them all with the first.
  return cancelAtPeriodEnd ? Math.min(...items.map((item) => item.currentPeriodEnd)) : Infinity;
}
