import type Stripe from 'stripe';

/*
 * The Stripe objects that we sync, and the events that trigger a sync. The webhook endpoint in Stripe
 * subscribes to exactly these event types. Events of other types are stored as `unknown_type`.
 */

interface SyncedObject {
  /** What the object is about, which classifies findings (`classifyFinding`). */
  about: 'access' | 'catalog' | 'money';
  /**
   * SQL for the project that an enqueued object `w` probably belongs to; null if only the fetch can tell. It
   * affects only the fairness of the queue: the fetch decides the owner.
   */
  queueProject: string | null;
}

const ofUser = (table: string): string =>
  `select u.project_id from ${table} o join users u using (uid) where o.id = w.object_id`;

/** The objects that we sync, by Stripe's `object` names, in the order in which they are written. */
export const syncedObjects = {
  product: {
    about: 'catalog',
    queueProject: 'select p.project_id from products p where p.id = w.object_id',
  },
  price: { about: 'catalog', queueProject: null },
  customer: { about: 'access', queueProject: ofUser('customers') },
  subscription: { about: 'access', queueProject: ofUser('subscriptions') },
  'checkout.session': {
    about: 'access',
    queueProject: 'select i.project_id from checkout_intents i where i.session_id = w.object_id',
  },
  charge: { about: 'money', queueProject: null },
  dispute: { about: 'money', queueProject: null },
  invoice: { about: 'money', queueProject: null },
  entitlement_summary: { about: 'access', queueProject: ofUser('customers') },
} as const satisfies Record<string, SyncedObject>;

export type SyncedType = keyof typeof syncedObjects;

export const syncedTypes = Object.keys(syncedObjects) as SyncedType[]; // exactly the keys of the record

/** How urgent a sync is. 0: a buyer is waiting for it. 1: it may change access. 2: it can wait. */
export type Urgency = 0 | 1 | 2;

/** An object to sync. Its id is at the first of these payload paths that contains one. */
interface Target {
  objectType: SyncedType;
  paths: readonly string[];
}

export interface EventRule {
  urgency: Urgency;
  /** The objects to sync. The event counts as processed once the first of them has been fetched. */
  targets: readonly Target[];
}

function itself(objectType: SyncedType): Target {
  return { objectType, paths: ['id'] };
}

/** A schedule grants nothing itself, but its subscription may. */
const scheduled: readonly Target[] = [
  { objectType: 'subscription', paths: ['subscription', 'released_subscription'] },
];
/**
 * An invoice shows whether a debt began or ended, so its subscription is synced too. Before the API version
 * 2025-03-31.basil, an invoice named its subscription at the top level.
 */
const invoice: readonly Target[] = [
  {
    objectType: 'subscription',
    paths: ['parent.subscription_details.subscription', 'subscription'],
  },
  itself('invoice'),
];
const refunded: readonly Target[] = [{ objectType: 'charge', paths: ['charge'] }];
const summary: readonly Target[] = [{ objectType: 'entitlement_summary', paths: ['customer'] }];

function rule(urgency: Urgency, targets: SyncedType | readonly Target[]): EventRule {
  return { urgency, targets: typeof targets === 'string' ? [itself(targets)] : targets };
}

/** The event types that the SDK knows. */
type EventType = Stripe.WebhookEndpointCreateParams.EnabledEvent;

const rules = {
  'checkout.session.completed': rule(0, 'checkout.session'),
  'checkout.session.async_payment_succeeded': rule(0, 'checkout.session'),
  'checkout.session.async_payment_failed': rule(1, 'checkout.session'),
  'checkout.session.expired': rule(2, 'checkout.session'),

  'customer.subscription.created': rule(0, 'subscription'),
  'customer.subscription.deleted': rule(0, 'subscription'),
  'customer.subscription.paused': rule(1, 'subscription'),
  'customer.subscription.resumed': rule(0, 'subscription'),
  'customer.subscription.updated': rule(1, 'subscription'),
  'customer.subscription.pending_update_applied': rule(1, 'subscription'),
  'customer.subscription.pending_update_expired': rule(2, 'subscription'),
  'customer.subscription.trial_will_end': rule(2, 'subscription'),
  'subscription_schedule.created': rule(2, scheduled),
  'subscription_schedule.updated': rule(2, scheduled),
  'subscription_schedule.expiring': rule(2, scheduled),
  'subscription_schedule.released': rule(2, scheduled),
  'subscription_schedule.canceled': rule(1, scheduled),
  'subscription_schedule.completed': rule(2, scheduled),
  'subscription_schedule.aborted': rule(1, scheduled),

  'invoice.paid': rule(1, invoice),
  'invoice.payment_failed': rule(1, invoice),
  'invoice.payment_action_required': rule(1, invoice),
  'invoice.voided': rule(1, invoice),
  'invoice.marked_uncollectible': rule(1, invoice),
  'invoice.overdue': rule(2, invoice),
  'invoice.finalized': rule(2, invoice),
  'invoice.finalization_failed': rule(2, invoice),

  'charge.refunded': rule(1, 'charge'),
  'refund.created': rule(1, refunded),
  'refund.updated': rule(1, refunded),
  'refund.failed': rule(1, refunded),
  'charge.dispute.created': rule(0, 'dispute'),
  'charge.dispute.updated': rule(1, 'dispute'),
  'charge.dispute.closed': rule(0, 'dispute'),
  'charge.dispute.funds_reinstated': rule(1, 'dispute'),
  'charge.dispute.funds_withdrawn': rule(1, 'dispute'),

  'customer.created': rule(2, 'customer'),
  'customer.updated': rule(2, 'customer'),
  'customer.deleted': rule(1, 'customer'),
  'entitlements.active_entitlement_summary.updated': rule(2, summary),

  'product.created': rule(2, 'product'),
  'product.updated': rule(2, 'product'),
  'product.deleted': rule(2, 'product'),
  'price.created': rule(2, 'price'),
  'price.updated': rule(2, 'price'),
  'price.deleted': rule(2, 'price'),
} satisfies Partial<Record<EventType, EventRule>>;

/** The rule for each event type. */
export const eventRules: Readonly<Record<string, EventRule>> = rules;

/** The event types that the webhook endpoint in Stripe must subscribe to. */
export const eventTypes: readonly (keyof typeof rules)[] = (
  Object.keys(rules) as (keyof typeof rules)[]
) // exactly the keys of the record
  .sort();
