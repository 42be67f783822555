import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { changeSubscription } from './subscription-change.ts';

/** The earliest of the items' period ends: where `cancel_at_period_end` ends a subscription. */
export function periodEndOf(world: World, subscription: Subscription): number {
  return Math.min(
    ...subscriptionItems(world.tables, subscription.id).map((item) => item.current_period_end),
  );
}

/**
 * Sets or takes back the end of a subscription. Undefined leaves a setting alone, `cancelAt: null` and
 * `atPeriodEnd: false` take it back.
 */
export function scheduleEnd(
  world: World,
  subscription: Subscription,
  cancelAt: number | null | undefined,
  atPeriodEnd: boolean | undefined,
): void {
  if (cancelAt === undefined && atPeriodEnd === undefined) {
    return;
  }
  changeSubscription(world, subscription, () => {
    const end = atPeriodEnd === true ? periodEndOf(world, subscription) : (cancelAt ?? null);
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
