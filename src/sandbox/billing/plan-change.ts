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

/** One change to the items of a subscription. `restart` begins a period now. */
export type ItemChange =
  | { kind: 'add'; item: PricedQuantity }
  | { kind: 'remove'; item: SubscriptionItem }
  | { kind: 'restart'; item: SubscriptionItem }
  | { kind: 'set'; item: SubscriptionItem; price: Price; quantity: number | null };

/** The result of changes, before they are applied. */
export interface ChangePlan {
  /** The resulting items: new ones, and existing ones under their ids. */
  items: SubscriptionItem[];
  /** The ids of removed items. */
  removed: string[];
  /** The new anchor of periods; null: unchanged. */
  anchor: number | null;
  /** Credits and charges for parts of a period. */
  prorations: DraftLine[];
  /** Whole periods that begin now and are billed immediately. */
  periods: DraftLine[];
}

/**
 * Changes items immediately. Credits the unused time of the old price and charges the remaining time of the
 * new one, on the next invoice or (`always_invoice`) now. Another interval begins a new period now.
 */
export function changeItems(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
  behavior: ProrationBehavior,
): void {
  // A pending update refers to items as they were before.
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

/** Computes the result of changes, without applying them. */
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

/** Applies the changes. Must be called within a change of the subscription. */
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

/** Returns what is billed now; nothing during a trial, or if it waits for the next invoice. */
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

/** Creates an open invoice for changes. An invoice of zero or a credit is paid. */
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
      // The other items renew at this instant, so this one is billed with them.
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
    // A metered item has none.
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
 * Returns the remaining time of an item's period, at its price: charged, or credited with a negative sign.
 */
function remainder(world: World, item: SubscriptionItem, sign: 1 | -1): DraftLine[] {
  const line = itemLine(world, item, false);
  const now = world.clock.seconds();
  const { recurring } = line.price;
  const end = item.current_period_end;
  if (recurring === null || end <= now) {
    return [];
  }
  // The length of a whole period, even if the item was added during one.
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
