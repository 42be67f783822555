import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { voidInvoice } from './collection.ts';
import { changeSubscription } from './subscription-change.ts';

/** Discards a subscription's pending update, if any, and voids its invoice. */
export function dropPendingUpdate(world: World, subscription: Subscription): void {
  const row = world.tables.pendingUpdates.get(subscription.id);
  if (row === undefined) {
    return;
  }
  world.tables.pendingUpdates.delete(subscription.id);
  changeSubscription(world, subscription, () => {
    subscription.pending_update = null;
  });
  const invoice = world.tables.invoices.get(row.invoice);
  if (invoice?.status === 'open') {
    voidInvoice(world, invoice);
  }
}
