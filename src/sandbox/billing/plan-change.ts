import type { Price, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, finalizeInvoice, walletOutcome } from './collection.ts';
import { addLine, amountOf, createInvoice, type DraftLine } from './invoice-draft.ts';
import { addItem, type PricedQuantity } from './new-subscription.ts';
import { addInterval, periodEnd } from './period.ts';
import { changeSubscription } from './subscription-change.ts';
import { itemLine } from './subscription-start.ts';

export type ProrationBehavior = 'always_invoice' | 'create_prorations' | 'none';

/** One change to the items of a subscription. */
export type ItemChange =
  | { kind: 'add'; item: PricedQuantity }
  | { kind: 'remove'; item: SubscriptionItem }
  | { kind: 'set'; item: SubscriptionItem; price: Price; quantity: number | null };

/**
 * Changes items at once. What is unused of the old price is credited and what is left of the period
 * charged at the new one, on the next invoice or (`always_invoice`) now. Another interval begins a
 * period of its own now.
 */
export function changeItems(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
  behavior: ProrationBehavior,
): void {
  const lines: DraftLine[] = [];
  changeSubscription(world, subscription, () => {
    for (const change of changes) {
      lines.push(...applyChange(world, subscription, change));
    }
  });
  if (behavior === 'none' || lines.length === 0 || subscription.status === 'trialing') {
    return;
  }
  const target = { currency: subscription.currency, subscription };
  if (behavior === 'create_prorations') {
    for (const line of lines) {
      addLine(world, target, line, null);
    }
    return;
  }
  const invoice = createInvoice(world, {
    ...target,
    customer: subscription.customer,
    reason: 'subscription_update',
    coupon: undefined,
    metadata: {},
    lines,
    draftUntil: null,
  });
  finalizeInvoice(world, invoice);
  if (invoice.status === 'open' && invoice.collection_method === 'charge_automatically') {
    collect(world, invoice, walletOutcome(world, invoice.customer), true);
  }
}

function applyChange(world: World, subscription: Subscription, change: ItemChange): DraftLine[] {
  if (change.kind === 'add') {
    const item = addItem(world, subscription, change.item);
    return [remainder(world, item, 1)];
  }
  const { item } = change;
  const credit = remainder(world, item, -1);
  if (change.kind === 'remove') {
    world.tables.subscriptionItems.delete(item.id);
    return [credit];
  }
  const interval = world.tables.prices.get(item.price)?.recurring;
  item.price = change.price.id;
  if (change.quantity !== null) {
    item.quantity = change.quantity;
  }
  const next = change.price.recurring;
  if (
    next !== null &&
    (next.interval !== interval?.interval || next.interval_count !== interval.interval_count)
  ) {
    const now = world.clock.seconds();
    item.current_period_start = now;
    item.current_period_end = periodEnd(now, now, next);
    subscription.billing_cycle_anchor = now;
  }
  return [credit, remainder(world, item, 1)];
}

/** What is left of an item's period, at its price: charged, or credited with a negative sign. */
function remainder(world: World, item: SubscriptionItem, sign: 1 | -1): DraftLine {
  const line = itemLine(world, item, false);
  const now = world.clock.seconds();
  const { recurring } = line.price;
  const end = item.current_period_end;
  // Of a whole period, even where the item joined in the middle of one.
  const whole = recurring === null ? 0 : end - addInterval(end, recurring, -1);
  const share = whole === 0 ? 0 : Math.max(0, end - now) / whole;
  return {
    ...line,
    amount: sign * Math.round(amountOf(line.price, line.quantity) * share),
    description: `${sign < 0 ? 'Unused' : 'Remaining'} time on ${line.description ?? ''}`,
    period: { start: now, end: item.current_period_end },
    proration: true,
  };
}
