import { emit } from '../state/events.ts';
import type { Invoice, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addDays } from './period.ts';
import { cancelSubscription, changeSubscription, hasEnded } from './subscription-change.ts';

/**
 * Applies dunning after a failed attempt: schedules the next retry or, after the last one, applies the
 * configured outcome. Retry days are counted from the invoice's finalization. A first invoice is not retried:
 * its subscription stays incomplete until it is paid.
 */
export function followFailedAttempt(
  world: World,
  invoice: Invoice,
  subscription: Subscription | undefined,
  automatic: boolean,
): void {
  const retries =
    subscription !== undefined &&
    subscription.status !== 'incomplete' &&
    // A failed payment for a pending update leaves the subscription unchanged.
    world.tables.pendingUpdates.get(subscription.id)?.invoice !== invoice.id;
  if (automatic) {
    invoice.next_payment_attempt = retries ? nextAttempt(world, invoice) : null;
  }
  emit(world, 'invoice.payment_failed', invoice);
  if (subscription === undefined || !retries || hasEnded(subscription)) {
    return;
  }
  if (subscription.status === 'active' || subscription.status === 'trialing') {
    changeSubscription(world, subscription, () => {
      subscription.status = 'past_due';
    });
  }
  if (automatic && invoice.next_payment_attempt === null) {
    giveUp(world, subscription);
  }
}

function nextAttempt(world: World, invoice: Invoice): number | null {
  const days = world.dunning.retryDays[invoice.attempt_count - 1];
  const first = invoice.status_transitions.finalized_at;
  return days === undefined || first === null ? null : addDays(first, days);
}

function giveUp(world: World, subscription: Subscription): void {
  switch (world.dunning.then) {
    case 'cancel':
      cancelSubscription(world, subscription, 'payment_failed');
      return;
    case 'unpaid':
      changeSubscription(world, subscription, () => {
        subscription.status = 'unpaid';
      });
      return;
    case 'past_due':
      return;
  }
}
