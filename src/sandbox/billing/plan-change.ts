import { subscriptionItems } from '../state/render.ts';
import { invalid } from '../stripe-error.ts';
import type { Invoice, Price, Subscription, SubscriptionItem } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { collect, finalizeInvoice, outcomeOf } from './collection.ts';
import { takeDiscounts } from './discount.ts';
import { addLine, createInvoice, type DraftLine } from './invoice-draft.ts';
import { newItem, type PricedQuantity } from './new-subscription.ts';
import { dropPendingUpdate } from './pending-update-end.ts';
import { periodEnd } from './period.ts';
import { remainingTime, unusedTime } from './proration.ts';
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

/** How changes to items are billed. */
export interface Proration {
  behavior: ProrationBehavior;
  /** The instant that divides the periods, in epoch seconds. Defaults to now. */
  at?: number | undefined;
}

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
  { behavior, at }: Proration,
): void {
  // A pending update was planned against the old items.
  dropPendingUpdate(world, subscription);
  const plan = planChanges(world, subscription, changes, at);
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
  prorationDate?: number,
): ChangePlan {
  const at = prorationDate ?? world.clock.seconds();
  refuseOutsidePeriods(changes, prorationDate);
  const steps = changes
    .filter((change) => !isEmpty(change))
    .map((change) => planChange(world, subscription, change));
  const items = steps.flatMap(({ after }) => after ?? []);
  const changed = new Set(steps.flatMap(({ before, after }) => [before?.id, after?.id]));
  const kept = subscriptionItems(world.tables, subscription.id).filter(
    ({ id }) => !changed.has(id),
  );
  const all = [...kept, ...items];
  if (all.length === 0) {
    throw invalid('A subscription must have at least one active plan.');
  }
  return {
    items,
    removed: steps.flatMap(({ before, after }) =>
      before !== null && after === null ? [before.id] : [],
    ),
    anchor: steps.some(({ restarts }) => restarts) ? world.clock.seconds() : null,
    prorations: steps.flatMap(({ before, after, restarts }) => [
      ...(before === null ? [] : unusedTime(world, subscription, before, at)),
      ...(after === null || restarts ? [] : remainingTime(world, subscription, after, at, all)),
    ]),
    periods: steps.flatMap(({ after, restarts }) =>
      after !== null && restarts ? [itemLine(world, after, false)] : [],
    ),
  };
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
    discounts: takeDiscounts(world, subscription),
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

/** An item before and after a change. */
interface Step {
  before: SubscriptionItem | null;
  after: SubscriptionItem | null;
  /** Whether the item starts a new period now. */
  restarts: boolean;
}

function planChange(world: World, subscription: Subscription, change: ItemChange): Step {
  const now = world.clock.seconds();
  if (change.kind === 'add') {
    const item = newItem(world, subscription, change.item);
    if (periodEndOf(world, subscription) <= now) {
      // The other items renew now, and the renewal also bills this item.
      item.current_period_end = now;
    }
    return { before: null, after: item, restarts: false };
  }
  const { item } = change;
  if (change.kind === 'remove') {
    return { before: item, after: null, restarts: false };
  }
  const next = change.kind === 'restart' ? { ...item } : repriced(item, change);
  const recurring = world.tables.prices.get(next.price)?.recurring;
  const trial = subscription.status === 'trialing';
  // During a trial, the first period still begins at its end.
  const restarts = change.kind === 'restart' || (!trial && !sameInterval(world, item, next));
  if (recurring && restarts) {
    next.current_period_start = now;
    next.current_period_end = periodEnd(now, now, recurring);
  }
  return { before: item, after: next, restarts };
}

/** Returns whether a change leaves its item as it is. */
function isEmpty(change: ItemChange): boolean {
  return (
    change.kind === 'set' &&
    change.price.id === change.item.price &&
    change.quantity === (change.item.quantity ?? null)
  );
}

function refuseOutsidePeriods(changes: readonly ItemChange[], date: number | undefined): void {
  const outside = changes.some(
    (change) =>
      change.kind !== 'add' &&
      date !== undefined &&
      (date < change.item.current_period_start || date > change.item.current_period_end),
  );
  if (outside) {
    throw invalid(
      'The `proration_date` must be within the current subscription period.',
      undefined,
      'proration_date',
    );
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
