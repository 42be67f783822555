import { subscriptionItems } from '../state/render.ts';
import type { Invoice, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { deleteDraft, finalizeInvoice, markUncollectible, voidInvoice } from './collection.ts';
import { takeDiscounts } from './discount.ts';
import { createInvoice } from './invoice-draft.ts';
import { periodEnd } from './period.ts';
import { cancelSubscription, changeSubscription } from './subscription-change.ts';
import { pauseSubscription } from './subscription-pause.ts';
import { itemLine } from './subscription-start.ts';
import { usageLine } from './usage.ts';

/** Stripe keeps a renewal's invoice as a draft for about an hour. */
const draftSeconds = 3600;

/**
 * Starts the next period of each item whose period has ended, and drafts one invoice for them. As in Stripe,
 * a period advances before it is paid.
 */
export function renew(world: World, subscription: Subscription): void {
  const now = world.clock.seconds();
  const due = subscriptionItems(world.tables, subscription.id).filter(
    (item) => item.current_period_end <= now,
  );
  const trialEnds = subscription.status === 'trialing';
  if (
    trialEnds &&
    subscription.default_payment_method === null &&
    endTrialUnpaid(world, subscription)
  ) {
    return;
  }
  changeSubscription(world, subscription, () => {
    const lines = due.map((item) => {
      // Usage is billed for the period that ended, and is free in a trial; all else is billed in advance.
      const used = trialEnds ? null : usageLine(world, item);
      advancePeriod(world, subscription, item);
      return used ?? itemLine(world, item, false);
    });
    if (trialEnds) {
      subscription.status = 'active';
    }
    const owed = subscription.status === 'unpaid' ? null : now + draftSeconds;
    const invoice = createInvoice(world, {
      customer: subscription.customer,
      currency: subscription.currency,
      reason: 'subscription_cycle',
      subscription,
      discounts: takeDiscounts(world, subscription),
      metadata: {},
      lines,
      draftUntil: owed,
    });
    applyPausedCollection(world, subscription, invoice);
  });
}

function advancePeriod(world: World, subscription: Subscription, item: SubscriptionItem): void {
  const recurring = world.tables.prices.get(item.price)?.recurring;
  if (recurring === undefined || recurring === null) {
    throw new Error(`Subscription item ${item.id} has no recurring price.`);
  }
  item.current_period_start = item.current_period_end;
  item.current_period_end = periodEnd(
    subscription.billing_cycle_anchor,
    item.current_period_start,
    recurring,
  );
}

/**
 * Applies the trial's `missing_payment_method` setting. Returns whether that canceled or paused the
 * subscription.
 */
function endTrialUnpaid(world: World, subscription: Subscription): boolean {
  switch (subscription.trial_settings?.end_behavior.missing_payment_method) {
    case 'cancel':
      cancelSubscription(world, subscription, 'payment_failed');
      return true;
    case 'pause':
      pauseSubscription(world, subscription, 'trial_end_without_payment_method');
      return true;
    case 'create_invoice':
    case undefined:
      return false;
  }
}

/**
 * Applies `pause_collection` to an invoice. The subscription keeps its status, but the invoice is not
 * collected.
 */
function applyPausedCollection(world: World, subscription: Subscription, invoice: Invoice): void {
  switch (subscription.pause_collection?.behavior) {
    case undefined:
      return;
    case 'void':
      finalizeInvoice(world, invoice);
      voidInvoice(world, invoice);
      return;
    case 'mark_uncollectible':
      finalizeInvoice(world, invoice);
      markUncollectible(world, invoice);
      return;
    case 'keep_as_draft':
      invoice.auto_advance = false;
      invoice.automatically_finalizes_at = null;
  }
}

/** Expires a subscription whose first invoice was not paid within 23 hours, which is Stripe's limit. */
export function expireIncomplete(world: World, subscription: Subscription): void {
  const invoice = world.tables.invoices.get(subscription.latest_invoice ?? '');
  changeSubscription(world, subscription, () => {
    subscription.status = 'incomplete_expired';
    subscription.ended_at = world.clock.seconds();
  });
  if (invoice?.status === 'draft') {
    deleteDraft(world, invoice);
  } else if (invoice?.status === 'open') {
    voidInvoice(world, invoice);
  }
}
