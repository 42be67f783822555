import { newId } from '../state/ids.ts';
import { emit } from '../state/events.ts';
import type { Coupon, Invoice, Price, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { collect, finalizeInvoice } from './collection.ts';
import { attachCoupon } from './discount.ts';
import { refreshEntitlements } from './entitlements.ts';
import { amountOf, createInvoice, type DraftLine } from './invoice-draft.ts';
import type { PaymentOutcome } from './payment.ts';
import { periodEnd } from './period.ts';
import { changeSubscription } from './subscription-change.ts';

export interface PricedQuantity {
  price: Price;
  /** Null for a metered price. */
  quantity: number | null;
}

export interface SubscriptionRequest {
  customer: string;
  currency: string;
  items: readonly PricedQuantity[];
  /** One-time prices on the first invoice. */
  extras: readonly PricedQuantity[];
  metadata: Record<string, string>;
  description: string | null;
  /** Epoch seconds; null starts without a trial. */
  trialEnd: number | null;
  missingPaymentMethod: 'cancel' | 'create_invoice' | 'pause';
  hasCard: boolean;
  coupon: Coupon | undefined;
  collectionMethod: 'charge_automatically' | 'send_invoice';
  daysUntilDue: number | null;
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

/** Adds an item whose period begins now, or runs as the trial does. */
export function addItem(
  world: World,
  subscription: Subscription,
  { price, quantity }: PricedQuantity,
): SubscriptionItem {
  const now = world.clock.seconds();
  const item: SubscriptionItem = {
    id: newId('si', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: now,
    current_period_start: now,
    current_period_end: firstPeriodEnd(subscription, price, now),
    current_trial: null,
    discounts: [],
    metadata: {},
    price: price.id,
    ...(quantity === null ? {} : { quantity }),
    subscription: subscription.id,
    tax_rates: [],
  };
  world.tables.subscriptionItems.set(item.id, item);
  return item;
}

function firstPeriodEnd(subscription: Subscription, price: Price, now: number): number {
  if (subscription.trial_end !== null && subscription.trial_end > now) {
    return subscription.trial_end;
  }
  return price.recurring === null
    ? now
    : periodEnd(subscription.billing_cycle_anchor, now, price.recurring);
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

function newSubscription(world: World, request: SubscriptionRequest): Subscription {
  const now = world.clock.seconds();
  return {
    id: newId('sub'),
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: request.trialEnd ?? now,
    billing_cycle_anchor_config: null,
    billing_mode: { type: 'flexible', flexible: null },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: request.collectionMethod,
    created: now,
    currency: request.currency,
    customer: request.customer,
    customer_account: null,
    days_until_due: request.daysUntilDue,
    default_payment_method: request.hasCard ? newId('pm') : null,
    default_source: null,
    default_tax_rates: [],
    description: request.description,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    latest_invoice: null,
    livemode: false,
    managed_payments: null,
    metadata: request.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: null,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: now,
    status: request.trialEnd === null ? 'incomplete' : 'trialing',
    test_clock: null,
    transfer_data: null,
    trial_end: request.trialEnd,
    trial_settings: {
      end_behavior: {
        billing_cycle_anchor: null,
        missing_payment_method: request.missingPaymentMethod,
      },
    },
    trial_start: request.trialEnd === null ? null : now,
  };
}
