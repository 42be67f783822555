import { z } from 'zod';
import {
  cancelSchedule,
  enterPhase,
  refuseEnded,
  releaseSchedule,
  scheduleSubscription,
  startSchedule,
} from '../billing/schedule.ts';
import { phasesFrom, type PhaseRequest } from '../billing/schedule-phase.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import {
  flag,
  inert,
  integer,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { change } from '../state/events.ts';
import { render } from '../state/render.ts';
import type { SubscriptionSchedule } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { pricedItem } from './item-change.ts';
import { reads, subset } from './reads.ts';
import { discounts, redemptionsOf } from './redemption.ts';
import { proration } from './subscription-params.ts';

const path = '/v1/subscription_schedules';

const instant = z.union([z.literal('now'), integer]);

const phase = z.strictObject({
  items: listOf(z.strictObject({ price: text, quantity: integer.optional(), metadata: inert })),
  start_date: instant.optional(),
  end_date: instant.optional(),
  /** The number of billing periods of the first price. Stripe accepts it up to version 2025-09-30.clover. */
  iterations: integer.optional(),
  duration: z
    .strictObject({
      interval: z.enum(['day', 'week', 'month', 'year']),
      interval_count: integer.optional(),
    })
    .optional(),
  proration_behavior: proration,
  metadata: metadata.optional(),
  trial: flag.optional(),
  trial_end: instant.optional(),
  discounts: discounts.optional(),
  billing_cycle_anchor: z.literal('automatic').optional(),
  currency: inert,
});

type PhaseParams = z.output<typeof phase>;

const endBehavior = z.enum(['cancel', 'release']).optional();

export const subscriptionSchedules: Endpoint[] = [
  endpoint(
    'POST',
    path,
    z.strictObject({
      customer: text.optional(),
      from_subscription: text.optional(),
      start_date: instant.optional(),
      phases: listOf(phase).optional(),
      end_behavior: endBehavior,
      metadata: metadata.optional(),
      billing_mode: inert,
    }),
    (world, params) => {
      const { from_subscription: from, customer, phases } = params;
      if (from !== undefined) {
        if (phases !== undefined || customer !== undefined) {
          throw invalid(
            'You cannot set `phases` or `customer` if `from_subscription` is set.',
            undefined,
            'from_subscription',
          );
        }
        const { subscriptions } = world.tables;
        const subscription = need(subscriptions, 'subscription', from, 'from_subscription', 400);
        return render(world.tables, scheduleSubscription(world, subscription));
      }
      if (phases === undefined || phases.length === 0) {
        throw invalid('Missing required param: phases.', 'parameter_missing', 'phases');
      }
      const owner = need(world.tables.customers, 'customer', customer ?? '', 'customer', 400);
      const schedule = startSchedule(world, {
        customer: owner.id,
        phases: phasesFrom(secondsOf(world, params.start_date ?? 'now'), requests(world, phases)),
        endBehavior: params.end_behavior ?? 'release',
        metadata: mergedMetadata({}, params.metadata),
      });
      return render(world.tables, schedule);
    },
  ),
  ...reads({
    path,
    kind: 'subscription_schedule',
    table: (tables) => tables.schedules,
    filters: z.strictObject({
      ...paging,
      created: range.optional(),
      customer: text.optional(),
      scheduled: flag.optional(),
    }),
    matches: (schedule, { customer, scheduled }) =>
      matches(customer, schedule.customer) &&
      (scheduled !== true || schedule.status === 'not_started'),
    among: (tables, { customer }) =>
      subset([customer, (id) => tables.schedules.where('customer', id)]),
  }),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({
      phases: listOf(phase).optional(),
      end_behavior: endBehavior,
      metadata: metadata.optional(),
      proration_behavior: proration,
    }),
    (world, params, { id }) => {
      const schedule = need(world.tables.schedules, 'subscription_schedule', id);
      refuseEnded(schedule);
      change(world, 'subscription_schedule.updated', schedule, () => {
        schedule.end_behavior = params.end_behavior ?? schedule.end_behavior;
        schedule.metadata = mergedMetadata(schedule.metadata ?? {}, params.metadata);
        if (params.phases !== undefined) {
          const start = schedule.current_phase?.start_date ?? schedule.phases[0]?.start_date ?? 0;
          schedule.phases = phasesFrom(start, requests(world, params.phases));
        }
      });
      if (params.phases !== undefined) {
        enterPresent(world, schedule, params.proration_behavior);
      }
      return render(world.tables, schedule);
    },
  ),
  endpoint(
    'POST',
    `${path}/:id/release`,
    z.strictObject({ preserve_cancel_date: inert }),
    (world, _params, { id }) => {
      const schedule = need(world.tables.schedules, 'subscription_schedule', id);
      releaseSchedule(world, schedule);
      return render(world.tables, schedule);
    },
  ),
  endpoint(
    'POST',
    `${path}/:id/cancel`,
    z.strictObject({ invoice_now: inert, prorate: inert }),
    (world, _params, { id }) => {
      const schedule = need(world.tables.schedules, 'subscription_schedule', id);
      cancelSchedule(world, schedule);
      return render(world.tables, schedule);
    },
  ),
];

/** Applies the phase of an active schedule that covers the current time, because the phase may have changed. */
function enterPresent(
  world: World,
  schedule: SubscriptionSchedule,
  behavior: PhaseRequest['prorationBehavior'] | undefined,
): void {
  const now = world.clock.seconds();
  const present = schedule.phases.find((one) => one.start_date <= now && now < one.end_date);
  if (schedule.status !== 'active') {
    return;
  }
  if (present === undefined) {
    throw invalid(
      '`phases` must include a phase that covers the current time.',
      undefined,
      'phases',
    );
  }
  enterPhase(
    world,
    schedule,
    behavior === undefined ? present : { ...present, proration_behavior: behavior },
  );
}

function requests(world: World, phases: readonly PhaseParams[]): PhaseRequest[] {
  const secondsOrNone = (at: PhaseParams['end_date']) =>
    at === undefined ? undefined : secondsOf(world, at);
  return phases.map((one) => ({
    items: one.items.map((item, index) => pricedItem(world, item, index)),
    startDate: secondsOrNone(one.start_date),
    endDate: secondsOrNone(one.end_date),
    duration: one.duration,
    iterations: one.iterations ?? 1,
    prorationBehavior: one.proration_behavior ?? 'create_prorations',
    metadata: mergedMetadata({}, one.metadata),
    trial: one.trial ?? false,
    trialEnd: secondsOrNone(one.trial_end),
    discounts: redemptionsOf(world, one.discounts ?? []),
  }));
}

function secondsOf(world: World, at: number | 'now'): number {
  return at === 'now' ? world.clock.seconds() : at;
}
