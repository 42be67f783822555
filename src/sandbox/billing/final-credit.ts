import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, finalizeInvoice, outcomeOf } from './collection.ts';
import { takeDiscounts } from './discount.ts';
import { addLine, createInvoice } from './invoice-draft.ts';
import { unusedTime } from './proration.ts';

/** Credits the unused time of all items on the next invoice, before the subscription is canceled. */
export function creditUnusedTime(
  world: World,
  subscription: Subscription,
  at = world.clock.seconds(),
): void {
  for (const item of subscriptionItems(world.tables, subscription.id)) {
    for (const line of unusedTime(world, subscription, item, at)) {
      addLine(world, { subscription }, line, null);
    }
  }
}

/** Invoices what waits for the next invoice of a subscription that is being canceled. */
export function invoiceWaiting(world: World, subscription: Subscription): void {
  if (world.tables.invoiceLines.where('waiting', subscription.id).length === 0) {
    return;
  }
  const invoice = createInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_update',
    subscription,
    discounts: takeDiscounts(world, subscription),
    metadata: {},
    lines: [],
    draftUntil: null,
  });
  finalizeInvoice(world, invoice);
  if (invoice.status === 'open') {
    collect(world, invoice, outcomeOf(world, invoice), true);
  }
}
