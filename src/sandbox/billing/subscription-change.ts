import { change, emit, type EventType } from '../state/events.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { refreshEntitlements } from './entitlements.ts';

/** Returns whether a subscription has ended. */
export function hasEnded({ status }: Subscription): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}

/** Changes a subscription or its items, and sends the resulting subscription and entitlement events. */
export function changeSubscription(
  world: World,
  subscription: Subscription,
  mutate: () => void,
  type: EventType = 'customer.subscription.updated',
): void {
  change(world, type, subscription, mutate);
  refreshEntitlements(world, subscription.customer);
}

export type CancellationReason = 'cancellation_requested' | 'payment_failed' | 'payment_disputed';

/** Cancels a subscription immediately. Its open invoices stay open but are no longer collected. */
export function cancelSubscription(
  world: World,
  subscription: Subscription,
  reason: CancellationReason,
): void {
  const now = world.clock.seconds();
  subscription.status = 'canceled';
  subscription.canceled_at ??= now;
  subscription.ended_at = now;
  subscription.pending_update = null;
  world.tables.pendingUpdates.delete(subscription.id);
  subscription.cancellation_details = {
    comment: null,
    feedback: null,
    feedback_option: null,
    reason,
  };
  for (const invoice of world.tables.invoices.where('subscription', subscription.id)) {
    if (invoice.status === 'open' || invoice.status === 'draft') {
      invoice.auto_advance = false;
      invoice.next_payment_attempt = null;
      invoice.automatically_finalizes_at = null;
    }
  }
  emit(world, 'customer.subscription.deleted', subscription);
  endSchedule(world, subscription, reason);
  refreshEntitlements(world, subscription.customer);
}

/** Ends a canceled subscription's schedule. After a failed payment, the schedule is aborted. */
function endSchedule(
  world: World,
  { schedule: id }: Subscription,
  reason: CancellationReason,
): void {
  const schedule = world.tables.schedules.get(id ?? '');
  if (schedule?.status !== 'active') {
    return;
  }
  const type =
    reason === 'payment_failed'
      ? 'subscription_schedule.aborted'
      : 'subscription_schedule.canceled';
  change(world, type, schedule, () => {
    schedule.status = 'canceled';
    schedule.canceled_at = world.clock.seconds();
    schedule.current_phase = null;
  });
}
