import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { changeSubscription } from './subscription-change.ts';

/** Returns the earliest end of the items' periods, at which `cancel_at_period_end` ends a subscription. */
export function periodEndOf(world: World, subscription: Subscription): number {
  return Math.min(
    ...subscriptionItems(world.tables, subscription.id).map((item) => item.current_period_end),
  );
}

/** Returns the latest end of the items' periods. */
function lastPeriodEndOf(world: World, subscription: Subscription): number {
  return Math.max(
    ...subscriptionItems(world.tables, subscription.id).map((item) => item.current_period_end),
  );
}

/** An instant in epoch seconds, or the first or last end of the items' periods. */
export type CancelAt = number | 'min_period_end' | 'max_period_end';

function instantOf(world: World, subscription: Subscription, cancelAt: CancelAt): number {
  switch (cancelAt) {
    case 'min_period_end':
      return periodEndOf(world, subscription);
    case 'max_period_end':
      return lastPeriodEndOf(world, subscription);
    default:
      return cancelAt;
  }
}

/**
 * Sets or clears the end of a subscription. Undefined keeps a setting; `cancelAt: null` and `atPeriodEnd:
 * false` clear it.
 */
export function scheduleEnd(
  world: World,
  subscription: Subscription,
  cancelAt: CancelAt | null | undefined,
  atPeriodEnd: boolean | undefined,
): void {
  if (cancelAt === undefined && atPeriodEnd === undefined) {
    return;
  }
  changeSubscription(world, subscription, () => {
    const wanted = atPeriodEnd === true ? 'min_period_end' : (cancelAt ?? null);
    const end = wanted === null ? null : instantOf(world, subscription, wanted);
    subscription.cancel_at = end;
    subscription.cancel_at_period_end = atPeriodEnd === true;
    subscription.canceled_at = end === null ? null : world.clock.seconds();
    subscription.cancellation_details = {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: end === null ? null : 'cancellation_requested',
    };
  });
}
