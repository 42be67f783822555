/*
 * The one table of Stripe's events: which object to fetch for each, and how urgently. What an operator
 * has to select at Stripe is derived from it. A type that is not here is stored as `unknown_type`.
 */

/** The kinds of Stripe objects that we follow, by Stripe's own `object` names. */
export type FollowedType =
  | 'checkout.session'
  | 'subscription'
  | 'invoice'
  | 'charge'
  | 'dispute'
  | 'customer'
  | 'product'
  | 'price';

/** 0 = a buyer waits for it; 1 = it takes or gives access; 2 = it can wait. */
export type Urgency = 0 | 1 | 2;

export interface EventRule {
  follow: FollowedType;
  /** Where the payload's object names the object to follow: `id`, or the field that refers to it. */
  idFrom: 'id' | 'charge' | 'subscription';
  urgency: Urgency;
}

function rule(
  follow: FollowedType,
  urgency: Urgency,
  idFrom: EventRule['idFrom'] = 'id',
): EventRule {
  return { follow, idFrom, urgency };
}

export const eventRules: Readonly<Record<string, EventRule>> = {
  'checkout.session.completed': rule('checkout.session', 0),
  'checkout.session.async_payment_succeeded': rule('checkout.session', 0),
  'checkout.session.async_payment_failed': rule('checkout.session', 1),
  'checkout.session.expired': rule('checkout.session', 2),

  'customer.subscription.created': rule('subscription', 0),
  'customer.subscription.deleted': rule('subscription', 0),
  'customer.subscription.paused': rule('subscription', 1),
  'customer.subscription.resumed': rule('subscription', 0),
  'customer.subscription.updated': rule('subscription', 1),
  'customer.subscription.pending_update_applied': rule('subscription', 1),
  'customer.subscription.pending_update_expired': rule('subscription', 2),
  'customer.subscription.trial_will_end': rule('subscription', 2),
  'subscription_schedule.created': rule('subscription', 2, 'subscription'),
  'subscription_schedule.updated': rule('subscription', 2, 'subscription'),
  'subscription_schedule.released': rule('subscription', 2, 'subscription'),
  'subscription_schedule.canceled': rule('subscription', 1, 'subscription'),
  'subscription_schedule.completed': rule('subscription', 2, 'subscription'),
  'subscription_schedule.aborted': rule('subscription', 1, 'subscription'),

  'invoice.paid': rule('invoice', 1),
  'invoice.payment_failed': rule('invoice', 1),
  'invoice.payment_action_required': rule('invoice', 1),
  'invoice.voided': rule('invoice', 1),
  'invoice.marked_uncollectible': rule('invoice', 1),
  'invoice.finalized': rule('invoice', 2),
  'invoice.finalization_failed': rule('invoice', 2),

  'charge.refunded': rule('charge', 1),
  'refund.created': rule('charge', 1, 'charge'),
  'refund.updated': rule('charge', 1, 'charge'),
  'refund.failed': rule('charge', 1, 'charge'),
  'charge.dispute.created': rule('dispute', 0),
  'charge.dispute.updated': rule('dispute', 1),
  'charge.dispute.closed': rule('dispute', 0),
  'charge.dispute.funds_reinstated': rule('dispute', 1),
  'charge.dispute.funds_withdrawn': rule('dispute', 1),

  'customer.created': rule('customer', 2),
  'customer.updated': rule('customer', 2),
  'customer.deleted': rule('customer', 1),

  'product.created': rule('product', 2),
  'product.updated': rule('product', 2),
  'product.deleted': rule('product', 2),
  'price.created': rule('price', 2),
  'price.updated': rule('price', 2),
  'price.deleted': rule('price', 2),
};

/** The event types that the webhook endpoint at Stripe must be subscribed to. */
export const eventTypes: readonly string[] = Object.keys(eventRules).sort();
