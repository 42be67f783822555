import { z } from 'zod';
import { walletOutcome } from '../billing/collection.ts';
import { creditUnusedTime, invoiceWaiting } from '../billing/final-credit.ts';
import { addDays } from '../billing/period.ts';
import {
  startSubscription,
  type FirstPayment,
  type SubscriptionRequest,
} from '../billing/subscription-start.ts';
import { cancelSubscription, hasEnded } from '../billing/subscription-change.ts';
import { scheduleEnd } from '../billing/subscription-end.ts';
import { pauseSubscription, resumeSubscription } from '../billing/subscription-pause.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, within } from '../http/list.ts';
import { flag, inert, mergedMetadata } from '../http/params.ts';
import { render, subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid, missing } from '../stripe-error.ts';
import { pricedItem } from './item-change.ts';
import { redemptionsOf } from './redemption.ts';
import { anchor, creation, filters, update, type Creation } from './subscription-params.ts';
import { updateSubscription } from './subscription-update.ts';
import { reads, subset } from './reads.ts';

const path = '/v1/subscriptions';

export const subscriptions: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const { subscription } = startSubscription(
      world,
      requestOf(world, params),
      firstPayment(world, params.payment_behavior, params.customer),
    );
    scheduleEnd(world, subscription, params.cancel_at, params.cancel_at_period_end);
    return render(world.tables, subscription);
  }),
  ...reads({
    path,
    kind: 'subscription',
    table: (tables) => tables.subscriptions,
    filters,
    matches: (subscription, wanted, world) => {
      const { price, current_period_end: end, current_period_start: start } = wanted;
      return (
        hasStatus(subscription, wanted.status) &&
        hasClock(subscription, wanted) &&
        matches(wanted.customer, subscription.customer) &&
        matches<string>(wanted.collection_method, subscription.collection_method) &&
        subscriptionItems(world.tables, subscription.id).some(
          (item) =>
            matches(price, item.price) &&
            within(item.current_period_end, end) &&
            within(item.current_period_start, start),
        )
      );
    },
    among: (tables, { customer }) =>
      subset([customer, (id) => tables.subscriptions.where('customer', id)]),
  }),
  endpoint('POST', `${path}/:id`, update, (world, params, { id }) => {
    const subscription = live(world, id);
    updateSubscription(world, subscription, params);
    return render(world.tables, subscription);
  }),
  endpoint(
    'DELETE',
    `${path}/:id`,
    z.strictObject({
      cancellation_details: inert,
      invoice_now: flag.optional(),
      prorate: flag.optional(),
    }),
    (world, params, { id }) => {
      const subscription = live(world, id);
      if (params.prorate === true) creditUnusedTime(world, subscription);
      if (params.invoice_now === true) invoiceWaiting(world, subscription);
      cancelSubscription(world, subscription, 'cancellation_requested');
      return render(world.tables, subscription);
    },
  ),
  endpoint(
    'POST',
    `${path}/:id/pause`,
    z.strictObject({
      bill_for: inert,
      invoicing_behavior: inert,
      type: z.literal('subscription').optional(),
    }),
    (world, _params, { id }) => {
      const subscription = live(world, id);
      pauseSubscription(world, subscription, 'pause_requested');
      return render(world.tables, subscription);
    },
  ),
  endpoint(
    'POST',
    `${path}/:id/resume`,
    z.strictObject({
      billing_cycle_anchor: anchor.optional(),
      payment_behavior: z.literal('resume_on_payment_attempt').optional(),
      proration_behavior: inert,
    }),
    (world, params, { id }) => {
      const subscription = live(world, id);
      resumeSubscription(world, subscription, params.billing_cycle_anchor?.type ?? 'now');
      return render(world.tables, subscription);
    },
  ),
];

function requestOf(world: World, params: Creation): SubscriptionRequest {
  const { tables } = world;
  const customer = need(tables.customers, 'customer', params.customer, 'customer', 400);
  const items = params.items.map((item, index) => pricedItem(world, item, index));
  const [first] = items;
  if (first === undefined) {
    throw invalid('Missing required param: items.', 'parameter_missing', 'items');
  }
  return {
    customer: customer.id,
    currency: currencyOf(items, params.currency),
    items,
    extras: (params.add_invoice_items ?? []).map(({ price, quantity = 1 }) => ({
      price: need(tables.prices, 'price', price, 'add_invoice_items[0][price]', 400),
      quantity,
    })),
    metadata: mergedMetadata({}, params.metadata),
    description: params.description ?? null,
    trialEnd: trialEndOf(world, params.trial_end, params.trial_period_days),
    missingPaymentMethod:
      params.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
    hasCard: params.default_payment_method !== undefined || hasCard(world, customer.id, params),
    discounts: redemptionsOf(world, params.discounts ?? []),
    automaticTax: params.automatic_tax?.enabled ?? false,
    prorationDiscounts: params.billing_mode?.flexible?.proration_discounts ?? 'included',
    collectionMethod: params.collection_method ?? 'charge_automatically',
    daysUntilDue: params.days_until_due ?? null,
    backdatedTo: params.backdate_start_date ?? null,
    anchor: params.billing_cycle_anchor ?? null,
    prorates: params.proration_behavior !== 'none',
    schedule: null,
  };
}

/**
 * Returns whether the customer has a card. Customers have one by default, unless the trial's settings define
 * what happens without a payment method: then only attached methods count.
 */
function hasCard(world: World, customer: string, { trial_settings: trial }: Creation): boolean {
  return world.tables.wallets.get(customer)?.card ?? trial === undefined;
}

/** Returns the requested currency, or by default the first price's. Throws if any price lacks it. */
function currencyOf(
  items: SubscriptionRequest['items'],
  asked = items[0]?.price.currency ?? '',
): string {
  const currency = asked.toLowerCase();
  const other = items.find(
    ({ price }) => price.currency !== currency && price.currency_options?.[currency] === undefined,
  );
  if (other !== undefined) {
    throw invalid(
      `The price specified only supports \`${other.price.currency}\`. This doesn't match the expected currency: \`${currency}\`.`,
      undefined,
      'currency',
    );
  }
  return currency;
}

/** Returns a subscription that has not ended. Stripe responds with 404 to any change to an ended one. */
function live(world: World, id: string): Subscription {
  const subscription = need(world.tables.subscriptions, 'subscription', id);
  if (hasEnded(subscription)) {
    throw missing('subscription', id);
  }
  return subscription;
}

function hasStatus(subscription: Subscription, wanted: string | undefined): boolean {
  switch (wanted) {
    case 'all':
      return true;
    case undefined:
      return subscription.status !== 'canceled';
    case 'ended':
      return hasEnded(subscription);
    default:
      return subscription.status === wanted;
  }
}

function trialEndOf(
  world: World,
  trialEnd: number | 'now' | undefined,
  days: number | undefined,
): number | null {
  if (typeof trialEnd === 'number') {
    return trialEnd;
  }
  return days === undefined || trialEnd === 'now' ? null : addDays(world.clock.seconds(), days);
}

function firstPayment(
  world: World,
  behavior: Creation['payment_behavior'],
  customer: string,
): FirstPayment {
  const outcome = walletOutcome(world, customer);
  if (behavior === 'error_if_incomplete' && outcome === 'declined') {
    throw invalid('Your card was declined.', 'card_declined');
  }
  return behavior === 'default_incomplete' ? 'unattempted' : outcome;
}

/**
 * Returns whether a list includes a subscription, judged by its test clock. As Stripe documents, a list
 * without `test_clock` and `customer` omits subscriptions that have a test clock.
 */
function hasClock(
  { test_clock: clock }: Subscription,
  wanted: { customer?: string | undefined; test_clock?: string | undefined },
): boolean {
  if (wanted.test_clock !== undefined) {
    return clock === wanted.test_clock;
  }
  return clock === null || wanted.customer !== undefined;
}
