import type Stripe from 'stripe';

/*
 * The tables of the Stripe objects that we sync, and of the events that trigger a sync. The event types to
 * select at Stripe are derived. Other types are stored as `unknown_type`.
 */

interface SyncedObject {
  /** The area of a difference, apart from its effect on users. */
  about: 'access' | 'catalog' | 'money';
  /**
   * SQL: the project to which an enqueued object `w` is known to belong before it is fetched. Only the
   * object's turn depends on it; the fetch decides the owner. Null = unknown until the fetch.
   */
  queueProject: string | null;
}

const ofUser = (table: string): string =>
  `select u.project_id from ${table} o join users u using (uid) where o.id = w.object_id`;

/** The objects that we sync, by Stripe's own `object` names, in the order in which they are written. */
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

export const syncedTypes = Object.keys(syncedObjects) as SyncedType[]; // an object literal has exactly its keys

/** 0 = a buyer waits for it; 1 = it changes access; 2 = it can wait. */
export type Urgency = 0 | 1 | 2;

/** An object to sync, and the payload's paths to its id: the first path that leads to an id applies. */
interface Lead {
  objectType: SyncedType;
  paths: readonly string[];
}

export interface EventRule {
  urgency: Urgency;
  /** The first is the one that access depends on: the event counts as processed once it was fetched. */
  leads: readonly Lead[];
}

function itself(objectType: SyncedType): Lead {
  return { objectType, paths: ['id'] };
}

/** A schedule alone grants nothing: only its effect on its subscription counts. */
const scheduled: readonly Lead[] = [
  { objectType: 'subscription', paths: ['subscription', 'released_subscription'] },
];
/**
 * The subscription shows whether a debt began or ended, so it is fetched, too. A renewal with its several
 * events then costs one fetch of each object. Before the API version 2025-03-31.basil an invoice named its
 * subscription at the top level.
 */
const invoice: readonly Lead[] = [
  {
    objectType: 'subscription',
    paths: ['parent.subscription_details.subscription', 'subscription'],
  },
  itself('invoice'),
];
const refunded: readonly Lead[] = [{ objectType: 'charge', paths: ['charge'] }];
const summary: readonly Lead[] = [{ objectType: 'entitlement_summary', paths: ['customer'] }];

function rule(urgency: Urgency, leads: SyncedType | readonly Lead[]): EventRule {
  return { urgency, leads: typeof leads === 'string' ? [itself(leads)] : leads };
}

/** The event types that Stripe can send, by the SDK's own list. */
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

/** By event type. */
export const eventRules: Readonly<Record<string, EventRule>> = rules;

/** The event types that the webhook endpoint at Stripe must be subscribed to. */
export const eventTypes: readonly (keyof typeof rules)[] = (
  Object.keys(rules) as (keyof typeof rules)[]
) // an object literal has exactly its keys
  .sort();
