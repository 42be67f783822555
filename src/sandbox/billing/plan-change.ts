import { invalid } from '../stripe-error.ts';
import type { Invoice, Price, Subscription, SubscriptionItem } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { collect, finalizeInvoice, outcomeOf } from './collection.ts';
import { takeCoupon } from './discount.ts';
import { addLine, amountOf, createInvoice, type DraftLine } from './invoice-draft.ts';
import { newItem, type PricedQuantity } from './new-subscription.ts';
import { dropPendingUpdate } from './pending-update-end.ts';
import { addInterval, periodEnd } from './period.ts';
import { changeSubscription } from './subscription-change.ts';
import { periodEndOf } from './subscription-end.ts';
import { itemLine } from './subscription-start.ts';

export type ProrationBehavior = 'always_invoice' | 'create_prorations' | 'none';

/** One change to a subscription's items. `restart` starts a new period now. */
export type ItemChange =
  | { kind: 'add'; item: PricedQuantity }
  | { kind: 'remove'; item: SubscriptionItem }
  | { kind: 'restart'; item: SubscriptionItem }
  | { kind: 'set'; item: SubscriptionItem; price: Price; quantity: number | null };

/** The planned result of item changes, before it is applied. */
export interface ChangePlan {
  /** The added and changed items. A changed item keeps its id. */
  items: SubscriptionItem[];
  /** The ids of removed items. */
  removed: string[];
  /** The new billing cycle anchor, or null to keep the current one. */
  anchor: number | null;
  /** Credits and charges for partial periods. */
  prorations: DraftLine[];
  /** Full periods that start now and are billed immediately. */
  periods: DraftLine[];
}

/**
 * Changes items immediately. Prorations credit the old price's unused time and charge the new price's
 * remaining time, on the next invoice or, with `always_invoice`, now. A different interval starts a new
 * period now.
 */
export function changeItems(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
  behavior: ProrationBehavior,
): void {
  // A pending update was planned against the old items.
  dropPendingUpdate(world, subscription);
  const plan = planChanges(world, subscription, changes);
  changeSubscription(world, subscription, () => {
    applyPlan(world, subscription, plan);
  });
  const lines = linesDue(subscription, plan, behavior);
  if (lines.length > 0) {
    collectIfAutomatic(world, invoiceChanges(world, subscription, lines));
  } else if (behavior === 'create_prorations' && subscription.status !== 'trialing') {
    for (const line of plan.prorations) {
      addLine(world, { subscription }, line, null);
    }
  }
}

/** Returns the planned result of item changes without applying them. */
export function planChanges(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
): ChangePlan {
  const plan: ChangePlan = { items: [], removed: [], anchor: null, prorations: [], periods: [] };
  for (const change of changes) {
    planChange(world, subscription, change, plan);
  }
  const left = world.tables.subscriptionItems.where('subscription', subscription.id).length;
  if (left + plan.items.length === plan.removed.length) {
    throw invalid('A subscription must have at least one active plan.');
  }
  return plan;
}

/** Applies planned changes. Must be called inside `changeSubscription`, which sends the events. */
export function applyPlan(world: World, subscription: Subscription, plan: ChangePlan): void {
  const { subscriptionItems } = world.tables;
  for (const next of plan.items) {
    subscriptionItems.set(next.id, next);
  }
  for (const id of plan.removed) {
    subscriptionItems.delete(id);
  }
  subscription.billing_cycle_anchor = plan.anchor ?? subscription.billing_cycle_anchor;
}

/** Returns the lines to bill now; an empty list during a trial or if the lines wait for the next invoice. */
export function linesDue(
  subscription: Subscription,
  plan: ChangePlan,
  behavior: ProrationBehavior,
): DraftLine[] {
  if (subscription.status === 'trialing') {
    return [];
  }
  const prorations = behavior === 'none' ? [] : plan.prorations;
  return behavior === 'always_invoice' || plan.periods.length > 0
    ? [...prorations, ...plan.periods]
    : [];
}

/** Creates and finalizes an invoice for the changes. If nothing is due, it is marked paid immediately. */
export function invoiceChanges(
  world: World,
  subscription: Subscription,
  lines: readonly DraftLine[],
): Invoice {
  const invoice = createInvoice(world, {
    currency: subscription.currency,
    subscription,
    customer: subscription.customer,
    reason: 'subscription_update',
    coupon: takeCoupon(world, subscription),
    metadata: {},
    lines,
    draftUntil: null,
  });
  finalizeInvoice(world, invoice);
  return invoice;
}

function collectIfAutomatic(world: World, invoice: Invoice): void {
  if (invoice.status === 'open' && invoice.collection_method === 'charge_automatically') {
    collect(world, invoice, outcomeOf(world, invoice), true);
  }
}

function planChange(
  world: World,
  subscription: Subscription,
  change: ItemChange,
  plan: ChangePlan,
): void {
  const now = world.clock.seconds();
  if (change.kind === 'add') {
    const item = newItem(world, subscription, change.item);
    if (periodEndOf(world, subscription) <= now) {
      // The other items renew now, and the renewal also bills this item.
      item.current_period_end = now;
    }
    plan.items.push(item);
    plan.prorations.push(...remainder(world, item, 1));
    return;
  }
  const { item } = change;
  plan.prorations.push(...remainder(world, item, -1));
  if (change.kind === 'remove') {
    plan.removed.push(item.id);
    return;
  }
  const next = change.kind === 'restart' ? { ...item } : repriced(item, change);
  plan.items.push(next);
  const recurring = world.tables.prices.get(next.price)?.recurring;
  if (recurring && (change.kind === 'restart' || !sameInterval(world, item, next))) {
    next.current_period_start = now;
    next.current_period_end = periodEnd(now, now, recurring);
    plan.anchor = now;
    plan.periods.push(itemLine(world, next, false));
  } else {
    plan.prorations.push(...remainder(world, next, 1));
  }
}

function repriced(
  item: SubscriptionItem,
  { price, quantity }: { price: Price; quantity: number | null },
): SubscriptionItem {
  const next = { ...item, price: price.id };
  if (quantity === null) {
    // A metered item has no quantity.
    delete next.quantity;
    return next;
  }
  return { ...next, quantity };
}

function sameInterval(world: World, left: SubscriptionItem, right: SubscriptionItem): boolean {
  const [one, other] = [left, right].map(
    ({ price }) => need(world.tables.prices, 'price', price).recurring,
  );
  return one?.interval === other?.interval && one?.interval_count === other?.interval_count;
}

/**
 * Returns a proration line for the rest of an item's period: a charge or, with a negative sign, a credit.
 * Returns no line if the period is over.
 */
function remainder(world: World, item: SubscriptionItem, sign: 1 | -1): DraftLine[] {
  const line = itemLine(world, item, false);
  const now = world.clock.seconds();
  const { recurring } = line.price;
  const end = item.current_period_end;
  if (recurring === null || end <= now) {
    return [];
  }
  // Divides by the length of a full period, even if the item was added partway through.
  const share = (end - now) / (end - addInterval(end, recurring, -1));
  const amount = amountOf(line.price, line.quantity, line.currency);
  return [
    {
      ...line,
      amount: sign * Math.round(amount * share),
      description: `${sign < 0 ? 'Unused' : 'Remaining'} time on ${line.description ?? ''}`,
      period: { start: now, end },
      proration: true,
    },
  ];
}
