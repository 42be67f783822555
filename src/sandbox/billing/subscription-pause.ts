import { subscriptionItems } from '../state/render.ts';
import { emit } from '../state/events.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { collect, finalizeInvoice, outcomeOf } from './collection.ts';
import { takeDiscounts } from './discount.ts';
import { createInvoice } from './invoice-draft.ts';
import { periodEnd } from './period.ts';
import { changeSubscription } from './subscription-change.ts';
import { itemLine } from './subscription-start.ts';

type PauseReason = 'pause_requested' | 'trial_end_without_payment_method';

/** Pauses a subscription. It grants no access and creates no invoices until it is resumed. */
export function pauseSubscription(
  world: World,
  subscription: Subscription,
  reason: PauseReason,
): void {
  changeSubscription(world, subscription, () => {
    subscription.status = 'paused';
    subscription.status_details = {
      paused: {
        subscription: { type: reason },
        transitioned_at: world.clock.seconds(),
        type: 'subscription',
      },
    };
  });
  emit(world, 'customer.subscription.paused', subscription);
}

/**
 * Resumes a paused subscription. Restarts and bills all periods or, with `unchanged`, only those that ended
 * during the pause.
 */
export function resumeSubscription(
  world: World,
  subscription: Subscription,
  anchor: 'now' | 'unchanged',
): void {
  if (subscription.status !== 'paused') {
    throw invalid('Only paused subscriptions can be resumed.');
  }
  const now = world.clock.seconds();
  const lapsed = subscriptionItems(world.tables, subscription.id).filter(
    (item) => anchor === 'now' || item.current_period_end <= now,
  );
  changeSubscription(world, subscription, () => {
    subscription.status = 'active';
    delete subscription.status_details;
    if (lapsed.length > 0) {
      subscription.billing_cycle_anchor = now;
    }
    for (const item of lapsed) {
      const recurring = world.tables.prices.get(item.price)?.recurring;
      if (recurring !== undefined && recurring !== null) {
        item.current_period_start = now;
        item.current_period_end = periodEnd(now, now, recurring);
      }
    }
  });
  emit(world, 'customer.subscription.resumed', subscription);
  if (lapsed.length === 0) {
    return;
  }
  const invoice = createInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_cycle',
    subscription,
    discounts: takeDiscounts(world, subscription),
    metadata: {},
    lines: lapsed.map((item) => itemLine(world, item, false)),
    draftUntil: null,
  });
  finalizeInvoice(world, invoice);
  collect(world, invoice, outcomeOf(world, invoice), true);
}
