import Stripe from 'stripe';
import { askStripe } from '../checkout/stripe-answer.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import type { PlannedSubscriptionChange } from './planned-change.ts';
import { fetchLive, type LiveSubscription } from './stripe-subscription.ts';

type Phase = Stripe.SubscriptionScheduleUpdateParams.Phase;

/**
 * Schedules a change for the end of the period. It replaces a change that is scheduled already, and a scheduled
 * cancellation.
 *
 * @throws ProblemError stripe_unavailable.
 */
export async function scheduleChange(
  deps: SyncDeps,
  { live, target }: PlannedSubscriptionChange,
  promotionCode: string | null,
): Promise<void> {
  await keepSubscription(deps, live);
  const schedule = await openSchedule(deps, live);
  const { current_phase: current } = schedule;
  const phase = schedule.phases.find((one) => one.start_date === current?.start_date);
  if (current === null || phase === undefined) {
    throw new Error(`schedule ${schedule.id} has no current phase`);
  }
  const { interval, interval_count: count } = await fetchInterval(deps, target[0]?.priceId ?? '');
  await askStripe(deps.logger, 'subscriptionSchedules.update', () =>
    deps.stripe.subscriptionSchedules.update(schedule.id, {
      end_behavior: 'release',
      proration_behavior: 'none',
      phases: [
        currentPhase(phase),
        {
          items: target.map(({ priceId, quantity }) => ({
            price: priceId,
            ...(quantity === null ? {} : { quantity }),
          })),
          duration: { interval, interval_count: count },
          proration_behavior: 'none',
          ...(promotionCode === null ? {} : { discounts: [{ promotion_code: promotionCode }] }),
        },
      ],
    }),
  );
}

/** Withdraws a scheduled change. The subscription goes on as it is. */
export async function releaseSchedule(
  deps: SyncDeps,
  { schedule }: LiveSubscription,
): Promise<void> {
  if (schedule?.status !== 'active') return;
  await askStripe(deps.logger, 'subscriptionSchedules.release', () =>
    deps.stripe.subscriptionSchedules.release(schedule.id),
  );
}

/** Withdraws a scheduled cancellation. */
export async function keepSubscription(
  { stripe, logger }: SyncDeps,
  { subscription }: LiveSubscription,
): Promise<void> {
  const { id, cancel_at: at, cancel_at_period_end: atPeriodEnd } = subscription;
  if (at === null && !atPeriodEnd) return;
  await askStripe(logger, 'subscriptions.update', () =>
    stripe.subscriptions.update(
      id,
      atPeriodEnd ? { cancel_at_period_end: false } : { cancel_at: '' },
    ),
  );
}

/** Returns the subscription's schedule, or creates one. Of two concurrent requests, both get the same. */
async function openSchedule(
  deps: SyncDeps,
  live: LiveSubscription,
): Promise<Stripe.SubscriptionSchedule> {
  if (live.schedule?.status === 'active') return live.schedule;
  const { id } = live.subscription;
  return askStripe(deps.logger, 'subscriptionSchedules.create', async () => {
    try {
      return await deps.stripe.subscriptionSchedules.create({ from_subscription: id });
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
      const { schedule } = await fetchLive(deps, id);
      if (schedule?.status !== 'active') throw error;
      return schedule;
    }
  });
}

/** Returns the parameters that leave the current phase as it is. */
function currentPhase(phase: Stripe.SubscriptionSchedule.Phase): Phase {
  return {
    start_date: phase.start_date,
    end_date: phase.end_date,
    items: phase.items.map(({ price, quantity }) => ({
      price: reference(price),
      ...(quantity === undefined ? {} : { quantity }),
    })),
    ...(phase.trial_end === null ? {} : { trial_end: phase.trial_end }),
  };
}

async function fetchInterval({ stripe, logger }: SyncDeps, priceId: string) {
  const { recurring } = await askStripe(logger, 'prices.retrieve', () =>
    stripe.prices.retrieve(priceId),
  );
  if (recurring === null) throw new Error(`price ${priceId} is not recurring`);
  return recurring;
}
