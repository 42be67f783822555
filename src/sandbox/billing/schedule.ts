import { change, emit } from '../state/events.ts';
import { subscriptionItems } from '../state/render.ts';
import type { Subscription, SubscriptionSchedule } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { walletOutcome } from './collection.ts';
import { currentPhase, firstPhaseOf, type Phase } from './schedule-phase.ts';
import { setDiscounts, type Redemption } from './discount.ts';
import { newSchedule, type ScheduleRequest } from './new-schedule.ts';
import { changeItems, type ItemChange } from './plan-change.ts';
import { startSubscription } from './subscription-start.ts';
import { cancelSubscription, changeSubscription } from './subscription-change.ts';
import { periodEndOf } from './subscription-end.ts';
import { setTrialEnd } from './trial.ts';

/*
 * Subscription schedules consist of consecutive phases that set a subscription's items
 * (docs.stripe.com/billing/subscriptions/subscription-schedules).
 */

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
    changeItems(world, subscription, changes, { behavior: prorationOf(phase) });
  }
  changeSubscription(world, subscription, () => {
    subscription.metadata = { ...subscription.metadata, ...phase.metadata };
    if (phase.discounts.length > 0) {
      setDiscounts(world, subscription, redemptionsOf(world, phase));
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
      discounts: redemptionsOf(world, phase),
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

/** Returns the coupons that a phase redeems. */
function redemptionsOf(world: World, phase: Phase): Redemption[] {
  const { coupons, promotionCodes } = world.tables;
  return phase.discounts.flatMap(({ coupon: id, promotion_code: code }) => {
    const coupon = coupons.get(id ?? promotionCodes.get(code ?? '')?.promotion.coupon ?? '');
    return coupon === undefined ? [] : [{ coupon, promotionCode: code }];
  });
}

function priceOf(world: World, id: string) {
  return need(world.tables.prices, 'price', id);
}
