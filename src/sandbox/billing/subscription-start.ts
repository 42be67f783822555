import { emit } from '../state/events.ts';
import type { Coupon, Invoice, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, finalizeInvoice } from './collection.ts';
import { attachCoupon } from './discount.ts';
import { refreshEntitlements } from './entitlements.ts';
import { amountOf, createInvoice, type DraftLine } from './invoice-draft.ts';
import {
  addItem,
  newSubscription,
  type PricedQuantity,
  type SubscriptionTerms,
} from './new-subscription.ts';
import type { PaymentOutcome } from './payment.ts';
import { changeSubscription } from './subscription-change.ts';

export interface SubscriptionRequest extends SubscriptionTerms {
  items: readonly PricedQuantity[];
  /** One-time prices on the first invoice. */
  extras: readonly PricedQuantity[];
  coupon: Coupon | undefined;
  /** Whether time before the first whole period is paid for. */
  prorates: boolean;
}

/** How the first invoice is paid; `unattempted` leaves it open. */
export type FirstPayment = PaymentOutcome | 'unattempted';

export interface StartedSubscription {
  subscription: Subscription;
  invoice: Invoice;
}

/** Begins a subscription: its items, its first invoice and the first payment. */
export function startSubscription(
  world: World,
  request: SubscriptionRequest,
  payment: FirstPayment,
): StartedSubscription {
  const subscription = newSubscription(world, request);
  world.tables.subscriptions.set(subscription.id, subscription);
  const items = request.items.map((item) => addItem(world, subscription, item));
  if (request.coupon !== undefined) {
    attachCoupon(world, subscription, request.coupon);
  }
  const invoice = createInvoice(world, {
    customer: request.customer,
    currency: request.currency,
    reason: 'subscription_create',
    subscription,
    coupon: request.coupon,
    metadata: {},
    lines: [
      ...request.extras.map((extra) => extraLine(world, extra)),
      ...items.map((item) => itemLine(world, item, request.trialEnd !== null)),
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

/** What an item costs for its current period; nothing during a trial. */
export function itemLine(world: World, item: SubscriptionItem, free: boolean): DraftLine {
  const price = world.tables.prices.get(item.price);
  if (price === undefined) {
    throw new Error(`Subscription item ${item.id} has no price.`);
  }
  const quantity = item.quantity ?? null;
  return {
    amount: free ? 0 : amountOf(price, quantity),
    description: `${quantity ?? 'Usage of'} × ${world.tables.products.get(price.product)?.name ?? price.product}`,
    price,
    quantity,
    period: { start: item.current_period_start, end: item.current_period_end },
    item,
    proration: false,
  };
}

/** A one-time price on an invoice. */
export function extraLine(world: World, { price, quantity }: PricedQuantity): DraftLine {
  const now = world.clock.seconds();
  return {
    amount: amountOf(price, quantity),
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
