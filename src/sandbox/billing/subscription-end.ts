import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { changeSubscription } from './subscription-change.ts';

/** Returns the items' earliest period end, which is when `cancel_at_period_end` takes effect. */
export function periodEndOf(world: World, subscription: Subscription): number {
  return Math.min(
    ...subscriptionItems(world.tables, subscription.id).map((item) => item.current_period_end),
  );
}

/** Returns the items' latest period end. */
function lastPeriodEndOf(world: World, subscription: Subscription): number {
  return Math.max(
    ...subscriptionItems(world.tables, subscription.id).map((item) => item.current_period_end),
  );
}

/** A timestamp in epoch seconds, or the items' earliest or latest period end. */
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
 * Schedules or clears a subscription's cancellation. Nothing changes if both settings are undefined.
 * `cancelAt: null`, or `atPeriodEnd: false` without `cancelAt`, clears the cancellation.
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
