import { newId } from '../state/ids.ts';
import type { Price, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { periodEnd } from './period.ts';

export interface PricedQuantity {
  price: Price;
  /** Null for a metered price. */
  quantity: number | null;
}

/** The terms of a new subscription. Timestamps are in epoch seconds. */
export interface SubscriptionTerms {
  customer: string;
  currency: string;
  metadata: Record<string, string>;
  description: string | null;
  /** Null for no trial. */
  trialEnd: number | null;
  missingPaymentMethod: 'cancel' | 'create_invoice' | 'pause';
  hasCard: boolean;
  automaticTax?: boolean;
  /** How proration amounts relate to discounts, by default `included`. */
  prorationDiscounts?: 'included' | 'itemized';
  collectionMethod: 'charge_automatically' | 'send_invoice';
  daysUntilDue: number | null;
  /** The backdated start, or null to start now. */
  backdatedTo: number | null;
  /** The billing cycle anchor. If null, it is the trial's end or, without a trial, now. */
  anchor: number | null;
  /** The id of the schedule that creates the subscription, if any. */
  schedule: string | null;
}

/** Returns a new subscription without items. Does not store it. */
export function newSubscription(world: World, terms: SubscriptionTerms): Subscription {
  const now = world.clock.seconds();
  return {
    id: newId('sub'),
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: {
      disabled_reason: null,
      enabled: terms.automaticTax ?? false,
      liability: null,
    },
    billing_cycle_anchor: terms.anchor ?? terms.trialEnd ?? now,
    billing_cycle_anchor_config: null,
    billing_mode: {
      type: 'flexible',
      flexible: { proration_discounts: terms.prorationDiscounts ?? 'included' },
    },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: terms.collectionMethod,
    created: now,
    currency: terms.currency,
    customer: terms.customer,
    customer_account: null,
    days_until_due: terms.daysUntilDue,
    default_payment_method: terms.hasCard ? newId('pm') : null,
    default_source: null,
    default_tax_rates: [],
    description: terms.description,
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
    metadata: terms.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: null,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: terms.schedule,
    start_date: terms.backdatedTo ?? now,
    status: terms.trialEnd === null ? 'incomplete' : 'trialing',
    test_clock: world.tables.customers.get(terms.customer)?.test_clock ?? null,
    transfer_data: null,
    trial_end: terms.trialEnd,
    trial_settings: {
      end_behavior: {
        billing_cycle_anchor: null,
        missing_payment_method: terms.missingPaymentMethod,
      },
    },
    trial_start: terms.trialEnd === null ? null : now,
  };
}

/** Adds an item. Its first period starts now, and during a trial ends with the trial. */
export function addItem(
  world: World,
  subscription: Subscription,
  priced: PricedQuantity,
): SubscriptionItem {
  const item = newItem(world, subscription, priced);
  world.tables.subscriptionItems.set(item.id, item);
  return item;
}

/** Returns a new item without storing it. */
export function newItem(
  world: World,
  subscription: Subscription,
  { price, quantity }: PricedQuantity,
): SubscriptionItem {
  const now = world.clock.seconds();
  return {
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
}

function firstPeriodEnd(subscription: Subscription, price: Price, now: number): number {
  if (subscription.trial_end !== null && subscription.trial_end > now) {
    return subscription.trial_end;
  }
  return price.recurring === null
    ? now
    : periodEnd(subscription.billing_cycle_anchor, now, price.recurring);
}
