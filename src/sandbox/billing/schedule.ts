import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import { subscriptionItems } from '../state/render.ts';
import type { Subscription, SubscriptionSchedule } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { walletOutcome } from './collection.ts';
import { currentPhase, firstPhaseOf, type Phase } from './schedule-phase.ts';
import { attachCoupon } from './discount.ts';
import { changeItems, type ItemChange } from './plan-change.ts';
import { startSubscription } from './subscription-start.ts';
import { cancelSubscription, changeSubscription } from './subscription-change.ts';
import { periodEndOf } from './subscription-end.ts';
import { setTrialEnd } from './trial.ts';

/*
 * Subscription schedules consist of consecutive phases that set a subscription's items
 * (docs.stripe.com/billing/subscriptions/subscription-schedules).
 */

export interface ScheduleRequest {
  customer: string;
  phases: Phase[];
  endBehavior: 'cancel' | 'release';
  metadata: Record<string, string>;
}

/** Creates a schedule. If its first phase has begun, creates its subscription immediately. */
export function startSchedule(world: World, request: ScheduleRequest): SubscriptionSchedule {
  const schedule = newSchedule(world, request);
  world.tables.schedules.set(schedule.id, schedule);
  const [first] = request.phases;
  if (first !== undefined && first.start_date <= world.clock.seconds()) {
    begin(world, schedule);
  }
  emit(world, 'subscription_schedule.created', schedule);
  return schedule;
}

/** Creates a schedule for an existing subscription. Its only phase is the current period. */
export function scheduleSubscription(
  world: World,
  subscription: Subscription,
): SubscriptionSchedule {
  if (subscription.schedule !== null) {
    throw invalid(
      'This subscription already has a schedule attached to it. Update or release that schedule instead.',
    );
  }
  const phase = firstPhaseOf(
    subscription,
    subscriptionItems(world.tables, subscription.id),
    periodEndOf(world, subscription),
  );
  const schedule = newSchedule(world, {
    customer: subscription.customer,
    phases: [phase],
    endBehavior: 'release',
    metadata: {},
  });
  Object.assign(schedule, {
    status: 'active',
    subscription: subscription.id,
    current_phase: currentPhase(phase),
  } satisfies Partial<SubscriptionSchedule>);
  world.tables.schedules.set(schedule.id, schedule);
  changeSubscription(world, subscription, () => {
    subscription.schedule = schedule.id;
  });
  emit(world, 'subscription_schedule.created', schedule);
  return schedule;
}

/** Starts a schedule by creating its subscription. */
export function beginSchedule(world: World, schedule: SubscriptionSchedule): void {
  change(world, 'subscription_schedule.updated', schedule, () => {
    begin(world, schedule);
  });
}

/** Applies a phase to the schedule's subscription and sends the events. */
export function enterPhase(world: World, schedule: SubscriptionSchedule, phase: Phase): void {
  const subscription = subscriptionOf(world, schedule);
  const changes = changesFor(world, subscription, phase);
  if (changes.length > 0) {
    changeItems(world, subscription, changes, prorationOf(phase));
  }
  changeSubscription(world, subscription, () => {
    subscription.metadata = { ...subscription.metadata, ...phase.metadata };
    for (const { coupon } of phase.discounts) {
      if (coupon !== null) {
        const found = need(world.tables.coupons, 'coupon', coupon);
        attachCoupon(world, subscription, found, 'next_invoice');
      }
    }
  });
  if (phase.trial_end !== null && phase.trial_end > world.clock.seconds()) {
    setTrialEnd(world, subscription, phase.trial_end);
  }
  change(world, 'subscription_schedule.updated', schedule, () => {
    schedule.current_phase = currentPhase(phase);
  });
}

/** Ends the last phase, and releases or cancels the subscription as `end_behavior` specifies. */
export function finishSchedule(world: World, schedule: SubscriptionSchedule): void {
  if (schedule.end_behavior === 'release') {
    releaseSchedule(world, schedule);
    return;
  }
  const subscription = subscriptionOf(world, schedule);
  change(world, 'subscription_schedule.completed', schedule, () => {
    schedule.status = 'completed';
    schedule.completed_at = world.clock.seconds();
    schedule.current_phase = null;
  });
  cancelSubscription(world, subscription, 'cancellation_requested');
}

/** Releases a schedule. Its subscription continues unchanged. */
export function releaseSchedule(world: World, schedule: SubscriptionSchedule): void {
  refuseEnded(schedule);
  const subscription = world.tables.subscriptions.get(schedule.subscription ?? '');
  change(world, 'subscription_schedule.released', schedule, () => {
    schedule.status = 'released';
    schedule.released_at = world.clock.seconds();
    schedule.released_subscription = schedule.subscription;
    schedule.subscription = null;
    schedule.current_phase = null;
  });
  if (subscription !== undefined) {
    changeSubscription(world, subscription, () => {
      subscription.schedule = null;
    });
  }
}

/** Cancels a schedule and its subscription. */
export function cancelSchedule(world: World, schedule: SubscriptionSchedule): void {
  refuseEnded(schedule);
  const subscription = world.tables.subscriptions.get(schedule.subscription ?? '');
  if (subscription !== undefined) {
    // Canceling the subscription also ends its schedule.
    cancelSubscription(world, subscription, 'cancellation_requested');
    return;
  }
  change(world, 'subscription_schedule.canceled', schedule, () => {
    schedule.status = 'canceled';
    schedule.canceled_at = world.clock.seconds();
  });
}

/** Throws if a schedule has ended. */
export function refuseEnded({ status }: SubscriptionSchedule): void {
  if (status !== 'active' && status !== 'not_started') {
    throw invalid(
      `You cannot change a subscription schedule that is currently in the \`${status}\` status.`,
    );
  }
}

function subscriptionOf(world: World, schedule: SubscriptionSchedule): Subscription {
  return need(world.tables.subscriptions, 'subscription', schedule.subscription ?? '');
}

function begin(world: World, schedule: SubscriptionSchedule): void {
  const [phase] = schedule.phases;
  if (phase === undefined) {
    throw new Error(`Schedule ${schedule.id} has no phase.`);
  }
  const items = phase.items.map(({ price, quantity }) => ({
    price: need(world.tables.prices, 'price', price),
    quantity: quantity ?? null,
  }));
  const now = world.clock.seconds();
  const { subscription } = startSubscription(
    world,
    {
      customer: schedule.customer,
      currency: phase.currency,
      items,
      extras: [],
      metadata: { ...phase.metadata },
      description: null,
      trialEnd: phase.trial_end,
      missingPaymentMethod: 'create_invoice',
      hasCard: world.tables.wallets.get(schedule.customer)?.card !== false,
      coupon: world.tables.coupons.get(phase.discounts[0]?.coupon ?? ''),
      collectionMethod: 'charge_automatically',
      daysUntilDue: null,
      backdatedTo: phase.start_date < now ? phase.start_date : null,
      anchor: null,
      prorates: phase.proration_behavior !== 'none',
      schedule: schedule.id,
    },
    walletOutcome(world, schedule.customer),
  );
  schedule.status = 'active';
  schedule.subscription = subscription.id;
  schedule.current_phase = currentPhase(phase);
}

function prorationOf({ proration_behavior: behavior }: Phase) {
  return behavior === 'always_invoice' || behavior === 'none' ? behavior : 'create_prorations';
}

/**
 * Returns the item changes that a phase requires. Items are reused: an item keeps its id even when its price
 * is replaced.
 */
function changesFor(world: World, subscription: Subscription, phase: Phase): ItemChange[] {
  const free = subscriptionItems(world.tables, subscription.id);
  const changes: ItemChange[] = [];
  const unmatched = phase.items.filter(({ price, quantity = null }) => {
    const index = free.findIndex((item) => item.price === price);
    const [item] = index < 0 ? [] : free.splice(index, 1);
    if (item !== undefined && (item.quantity ?? null) !== quantity) {
      changes.push({ kind: 'set', item, price: priceOf(world, price), quantity });
    }
    return item === undefined;
  });
  for (const { price: id, quantity = null } of unmatched) {
    const price = priceOf(world, id);
    const item = free.shift();
    changes.push(
      item === undefined
        ? { kind: 'add', item: { price, quantity } }
        : { kind: 'set', item, price, quantity },
    );
  }
  return [...changes, ...free.map((item) => ({ kind: 'remove' as const, item }))];
}

function priceOf(world: World, id: string) {
  return need(world.tables.prices, 'price', id);
}

function newSchedule(world: World, request: ScheduleRequest): SubscriptionSchedule {
  return {
    id: newId('sub_sched'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { type: 'flexible', flexible: null },
    canceled_at: null,
    completed_at: null,
    created: world.clock.seconds(),
    current_phase: null,
    customer: request.customer,
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: request.endBehavior,
    livemode: false,
    metadata: request.metadata,
    pause_schedules: [],
    phases: request.phases,
    released_at: null,
    released_subscription: null,
    status: 'not_started',
    subscription: null,
    test_clock: null,
  };
}
