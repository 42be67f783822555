import { emit } from '../state/events.ts';
import type { Invoice, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, finalizeInvoice } from './collection.ts';
import { addDiscount, type Redemption } from './discount.ts';
import { refreshEntitlements } from './entitlements.ts';
import { amountOf, createInvoice, type DraftLine, type PricedLine } from './invoice-draft.ts';
import {
  addItem,
  newSubscription,
  type PricedQuantity,
  type SubscriptionTerms,
} from './new-subscription.ts';
import type { PaymentOutcome } from './payment.ts';
import { addInterval } from './period.ts';
import { changeSubscription } from './subscription-change.ts';

export interface SubscriptionRequest extends SubscriptionTerms {
  items: readonly PricedQuantity[];
  /** One-time prices to add to the first invoice. */
  extras: readonly PricedQuantity[];
  discounts: readonly Redemption[];
  /** Whether the time before the first full period is billed. */
  prorates: boolean;
}

/** The outcome of the first payment. `unattempted` leaves the invoice open. */
export type FirstPayment = PaymentOutcome | 'unattempted';

export interface StartedSubscription {
  subscription: Subscription;
  invoice: Invoice;
}

/** Creates a subscription with its items and first invoice, and attempts the first payment. */
export function startSubscription(
  world: World,
  request: SubscriptionRequest,
  payment: FirstPayment,
): StartedSubscription {
  const subscription = newSubscription(world, request);
  world.tables.subscriptions.set(subscription.id, subscription);
  const items = request.items.map((item) => addItem(world, subscription, item));
  const owner = { customer: subscription.customer, subscription: subscription.id };
  const discounts = request.discounts.map((discount) => addDiscount(world, owner, discount));
  // The first invoice uses up a discount that applies once.
  subscription.discounts = discounts
    .filter(({ coupon }) => coupon.duration !== 'once')
    .map(({ id }) => id);
  const invoice = createInvoice(world, {
    customer: request.customer,
    currency: request.currency,
    reason: 'subscription_create',
    subscription,
    discounts,
    metadata: {},
    lines: [
      ...request.extras.map((extra) => extraLine(world, extra, request.currency)),
      ...items.flatMap((item) => elapsedLine(world, subscription, item, request.prorates)),
      ...items.map((item) => firstLine(world, item, request)),
    ],
    draftUntil: null,
  });
  emit(world, 'customer.subscription.created', subscription);
  refreshEntitlements(world, request.customer);
  finalizeInvoice(world, invoice);
  if (request.collectionMethod === 'send_invoice') {
    activate(world, subscription);
    emit(world, 'invoice.sent', invoice);
  } else if (invoice.status === 'open' && payment !== 'unattempted') {
    collect(world, invoice, payment, true);
    if (payment === 'processing') {
      activate(world, subscription);
    }
  }
  return { subscription, invoice };
}

/** Returns the line for an item's first period, prorated if a billing cycle anchor makes it shorter. */
function firstLine(world: World, item: SubscriptionItem, request: SubscriptionRequest): DraftLine {
  const line = itemLine(world, item, request.trialEnd !== null);
  const { recurring } = line.price;
  if (request.anchor === null || recurring === null) {
    return line;
  }
  const end = item.current_period_end;
  const whole = end - addInterval(end, recurring, -1);
  const share = request.prorates ? Math.min(1, (end - item.current_period_start) / whole) : 0;
  return { ...line, amount: Math.round(line.amount * share), proration: share < 1 };
}

/** Returns the line for the time between a backdated start and now, if any. */
function elapsedLine(
  world: World,
  { start_date: start, created }: Subscription,
  item: SubscriptionItem,
  prorates: boolean,
): DraftLine[] {
  const line = itemLine(world, item, false);
  const { recurring } = line.price;
  if (start >= created || !prorates || recurring === null) {
    return [];
  }
  const share = (created - start) / (addInterval(start, recurring, 1) - start);
  const period = { start, end: created };
  return [{ ...line, amount: Math.round(line.amount * share), period, proration: true }];
}

/** Returns the invoice line for an item's current period. Its amount is 0 if `free`, as during a trial. */
export function itemLine(world: World, item: SubscriptionItem, free: boolean): PricedLine {
  const price = world.tables.prices.get(item.price);
  if (price === undefined) {
    throw new Error(`Subscription item ${item.id} has no price.`);
  }
  const quantity = item.quantity ?? null;
  const currency = world.tables.subscriptions.get(item.subscription)?.currency ?? price.currency;
  return {
    amount: free ? 0 : amountOf(price, quantity, currency),
    currency,
    description: `${quantity ?? 'Usage of'} × ${world.tables.products.get(price.product)?.name ?? price.product}`,
    price,
    quantity,
    period: { start: item.current_period_start, end: item.current_period_end },
    item,
    proration: false,
  };
}

/** Returns the invoice line for a one-time price. */
export function extraLine(
  world: World,
  { price, quantity }: PricedQuantity,
  currency: string,
): DraftLine {
  const now = world.clock.seconds();
  return {
    amount: amountOf(price, quantity, currency),
    currency,
    description: world.tables.products.get(price.product)?.name ?? null,
    price,
    quantity,
    period: { start: now, end: now },
    item: null,
    proration: false,
  };
}

function activate(world: World, subscription: Subscription): void {
  if (subscription.status === 'incomplete') {
    changeSubscription(world, subscription, () => {
      subscription.status = 'active';
    });
  }
}
