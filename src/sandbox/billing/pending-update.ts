import { emit } from '../state/events.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, outcomeOf } from './collection.ts';
import { dropPendingUpdate } from './pending-update-end.ts';
import { periodEnd } from './period.ts';
import {
  applyPlan,
  changeItems,
  invoiceChanges,
  linesDue,
  planChanges,
  type ItemChange,
  type Proration,
} from './plan-change.ts';
import { changeSubscription } from './subscription-change.ts';
import { periodEndOf } from './subscription-end.ts';

/*
 * Pending updates are applied only once they are paid
 * (docs.stripe.com/billing/subscriptions/pending-updates).
 */

const hours23 = 23 * 3600;

/** Changes items if the required payment succeeds. Otherwise stores the changes as a pending update. */
export function changeItemsOncePaid(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
  proration: Proration,
): void {
  dropPendingUpdate(world, subscription);
  const plan = planChanges(world, subscription, changes, proration.at);
  const lines = linesDue(subscription, plan, proration.behavior);
  if (lines.length === 0) {
    changeItems(world, subscription, changes, proration);
    return;
  }
  const invoice = invoiceChanges(world, subscription, lines);
  const outcome = invoice.status === 'paid' ? 'succeeded' : outcomeOf(world, invoice);
  if (outcome === 'succeeded') {
    if (invoice.status === 'open') {
      collect(world, invoice, outcome, true);
    }
    changeSubscription(world, subscription, () => {
      applyPlan(world, subscription, plan);
    });
    return;
  }
  world.tables.pendingUpdates.set(subscription.id, {
    id: subscription.id,
    object: 'sandbox.pending_update',
    invoice: invoice.id,
    removed: plan.removed,
    restarts: plan.anchor !== null,
  });
  changeSubscription(world, subscription, () => {
    subscription.pending_update = {
      billing_cycle_anchor: null,
      cancel_at_period_end: null,
      discount: null,
      discounts: null,
      expires_at: expiryOf(world, subscription),
      metadata: null,
      subscription_items: plan.items,
      trial_end: null,
      trial_from_plan: null,
    };
  });
  collect(world, invoice, outcome, true);
}

/** Returns a pending update's due work, which applies the update once it is paid or else expires it. */
export function pendingUpdateDue(
  world: World,
  subscription: Subscription,
): { at: number; run: () => void }[] {
  const row = world.tables.pendingUpdates.get(subscription.id);
  const pending = subscription.pending_update;
  if (row === undefined || pending === null) {
    return [];
  }
  const paidAt = world.tables.invoices.get(row.invoice)?.status_transitions.paid_at ?? null;
  const run =
    paidAt === null
      ? () => {
          expirePendingUpdate(world, subscription);
        }
      : () => {
          applyPendingUpdate(world, subscription);
        };
  return [{ at: paidAt ?? pending.expires_at, run }];
}

function applyPendingUpdate(world: World, subscription: Subscription): void {
  const row = world.tables.pendingUpdates.get(subscription.id);
  const now = world.clock.seconds();
  world.tables.pendingUpdates.delete(subscription.id);
  changeSubscription(world, subscription, () => {
    const items = subscription.pending_update?.subscription_items ?? [];
    for (const item of items) {
      const recurring = world.tables.prices.get(item.price)?.recurring;
      if (!world.tables.subscriptionItems.has(item.id)) {
        item.created = now;
      }
      if (row?.restarts === true && recurring) {
        item.current_period_start = now;
        item.current_period_end = periodEnd(now, now, recurring);
      }
    }
    applyPlan(world, subscription, {
      items,
      removed: row?.removed ?? [],
      anchor: row?.restarts === true ? now : null,
      prorations: [],
      periods: [],
    });
    subscription.pending_update = null;
  });
  emit(world, 'customer.subscription.pending_update_applied', subscription);
}

function expirePendingUpdate(world: World, subscription: Subscription): void {
  dropPendingUpdate(world, subscription);
  emit(world, 'customer.subscription.pending_update_expired', subscription);
}

/**
 * Returns when a pending update expires: after 23 hours, or when the period or trial ends if that is earlier.
 */
function expiryOf(world: World, subscription: Subscription): number {
  const now = world.clock.seconds();
  return Math.min(now + hours23, periodEndOf(world, subscription));
}
