import { z } from 'zod';
import { startSubscription, type FirstPayment } from '../billing/subscription-start.ts';
import { walletOutcome } from '../billing/collection.ts';
import { addDays } from '../billing/period.ts';
import {
  cancelSubscription,
  changeSubscription,
  hasEnded,
} from '../billing/subscription-change.ts';
import { changeItems } from '../billing/plan-change.ts';
import { pauseSubscription, resumeSubscription } from '../billing/subscription-pause.ts';
import { scheduleEnd } from '../billing/subscription-end.ts';
import { endTrial, setTrialEnd } from '../billing/trial.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging, within } from '../http/list.ts';
import {
  clearable,
  flag,
  inert,
  integer,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { render, subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid, missing } from '../stripe-error.ts';
import { itemChange, pricedItem, subscriptionItem } from './subscription-items.ts';
import { reads, subset } from './reads.ts';

const path = '/v1/subscriptions';

const shared = {
  cancel_at: clearable(integer).optional(),
  cancel_at_period_end: flag.optional(),
  collection_method: z.enum(['charge_automatically', 'send_invoice']).optional(),
  days_until_due: integer.optional(),
  description: clearable(text).optional(),
  metadata: metadata.optional(),
  trial_end: z.union([z.literal('now'), integer]).optional(),
  proration_behavior: z.enum(['always_invoice', 'create_prorations', 'none']).optional(),
  automatic_tax: inert,
  default_payment_method: inert,
  off_session: inert,
  payment_settings: inert,
};

const creation = z.strictObject({
  ...shared,
  customer: text,
  items: listOf(subscriptionItem),
  currency: text.optional(),
  discounts: listOf(z.strictObject({ coupon: text })).optional(),
  trial_period_days: integer.optional(),
  payment_behavior: z
    .enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete'])
    .optional(),
  trial_settings: z
    .strictObject({
      end_behavior: z.strictObject({
        missing_payment_method: z.enum(['cancel', 'create_invoice', 'pause']),
      }),
    })
    .optional(),
  billing_mode: inert,
});

const update = z.strictObject({
  ...shared,
  items: listOf(subscriptionItem).optional(),
  payment_behavior: inert,
  cancellation_details: inert,
  pause_collection: clearable(
    z.strictObject({
      behavior: z.enum(['keep_as_draft', 'mark_uncollectible', 'void']),
      resumes_at: integer.optional(),
    }),
  ).optional(),
});

export const subscriptions: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const customer = need(world.tables.customers, 'customer', params.customer, 'customer', 400);
    const items = params.items.map((item, index) => pricedItem(world, item, index));
    const [first] = items;
    if (first === undefined) {
      throw invalid('Missing required param: items.', 'parameter_missing', 'items');
    }
    const coupon = params.discounts?.[0]?.coupon;
    const { subscription } = startSubscription(
      world,
      {
        customer: customer.id,
        currency: first.price.currency,
        items,
        extras: [],
        metadata: mergedMetadata({}, params.metadata),
        description: params.description ?? null,
        trialEnd: trialEndOf(world, params.trial_end, params.trial_period_days),
        missingPaymentMethod:
          params.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
        hasCard: true,
        coupon:
          coupon === undefined
            ? undefined
            : need(world.tables.coupons, 'coupon', coupon, 'discounts[0][coupon]', 400),
        collectionMethod: params.collection_method ?? 'charge_automatically',
        daysUntilDue: params.days_until_due ?? null,
        backdatedTo: null,
        anchor: null,
        prorates: true,
      },
      firstPayment(world, params.payment_behavior, customer.id),
    );
    scheduleEnd(world, subscription, params.cancel_at, params.cancel_at_period_end);
    return render(world.tables, subscription);
  }),
  ...reads({
    path,
    kind: 'subscription',
    table: (tables) => tables.subscriptions,
    filters: z.strictObject({
      ...paging,
      created: range.optional(),
      current_period_end: range.optional(),
      current_period_start: range.optional(),
      collection_method: text.optional(),
      customer: text.optional(),
      price: text.optional(),
      status: text.optional(),
    }),
    matches: (subscription, filters, world) => {
      const { price, current_period_end: end, current_period_start: start } = filters;
      const items = subscriptionItems(world.tables, subscription.id);
      return (
        hasStatus(subscription, filters.status) &&
        matches(filters.customer, subscription.customer) &&
        matches<string>(filters.collection_method, subscription.collection_method) &&
        items.some(
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
    if (params.cancel_at_period_end === true && typeof params.cancel_at === 'number') {
      throw invalid(
        'You may only specify one of these parameters: cancel_at, cancel_at_period_end.',
        undefined,
        'cancel_at',
      );
    }
    if (params.items !== undefined) {
      changeItems(
        world,
        subscription,
        params.items.map((item, index) => itemChange(world, subscription, item, index)),
        params.proration_behavior ?? 'create_prorations',
      );
    }
    changeSubscription(world, subscription, () => {
      applyFields(subscription, params);
    });
    scheduleEnd(world, subscription, params.cancel_at, params.cancel_at_period_end);
    if (params.trial_end === 'now') {
      endTrial(world, subscription);
    } else if (params.trial_end !== undefined) {
      setTrialEnd(world, subscription, params.trial_end);
    }
    return render(world.tables, subscription);
  }),
  endpoint(
    'DELETE',
    `${path}/:id`,
    z.strictObject({ cancellation_details: inert, invoice_now: inert, prorate: inert }),
    (world, _params, { id }) => {
      const subscription = live(world, id);
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
      billing_cycle_anchor: inert,
      payment_behavior: inert,
      proration_behavior: inert,
    }),
    (world, _params, { id }) => {
      const subscription = live(world, id);
      if (subscription.status !== 'paused') {
        throw invalid('Only paused subscriptions can be resumed.');
      }
      resumeSubscription(world, subscription);
      return render(world.tables, subscription);
    },
  ),
];

/** Stripe answers 404 for what has ended already, on every change. */
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
  behavior: z.output<typeof creation>['payment_behavior'],
  customer: string,
): FirstPayment {
  const outcome = walletOutcome(world, customer);
  if (behavior === 'error_if_incomplete' && outcome === 'declined') {
    throw invalid('Your card was declined.', 'card_declined');
  }
  return behavior === 'default_incomplete' ? 'unattempted' : outcome;
}

function applyFields(subscription: Subscription, params: z.output<typeof update>): void {
  subscription.metadata = mergedMetadata(subscription.metadata, params.metadata);
  subscription.collection_method = params.collection_method ?? subscription.collection_method;
  subscription.days_until_due = params.days_until_due ?? subscription.days_until_due;
  if (params.description !== undefined) {
    subscription.description = params.description;
  }
  if (params.pause_collection !== undefined) {
    subscription.pause_collection =
      params.pause_collection === null
        ? null
        : {
            behavior: params.pause_collection.behavior,
            resumes_at: params.pause_collection.resumes_at ?? null,
          };
  }
}
