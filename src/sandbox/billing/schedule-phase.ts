import type {
  Price,
  Subscription,
  SubscriptionItem,
  SubscriptionSchedule,
} from '../state/tables.ts';
import type { Redemption } from './discount.ts';
import { addInterval } from './period.ts';

export type Phase = SubscriptionSchedule['phases'][number];

/** A requested phase. Timestamps are in epoch seconds. */
export interface PhaseRequest {
  items: readonly { price: Price; quantity: number | null }[];
  /** Defaults to the end of the previous phase. */
  startDate: number | undefined;
  endDate: number | undefined;
  duration:
    | { interval: 'day' | 'week' | 'month' | 'year'; interval_count?: number | undefined }
    | undefined;
  /** How many times the phase repeats `duration` or, without one, the first price's billing period. */
  iterations: number;
  prorationBehavior: 'always_invoice' | 'create_prorations' | 'none';
  metadata: Record<string, string>;
  /** Whether the whole phase is a trial. */
  trial: boolean;
  trialEnd: number | undefined;
  discounts: readonly Redemption[];
}

/**
 * Returns consecutive phases. A phase without an end date or duration lasts `iterations` of its first price's
 * billing periods.
 */
export function phasesFrom(start: number, requests: readonly PhaseRequest[]): Phase[] {
  const phases: Phase[] = [];
  for (const request of requests) {
    const begin = request.startDate ?? phases.at(-1)?.end_date ?? start;
    phases.push(phaseOf(request, begin, endOf(request, begin)));
  }
  return phases;
}

/** Returns a phase that represents the subscription's current items and period. */
export function firstPhaseOf(
  subscription: Subscription,
  items: readonly SubscriptionItem[],
  end: number,
): Phase {
  const start = Math.min(...items.map((item) => item.current_period_start));
  const entries = items.map(({ price, quantity }) => itemOf(price, quantity ?? null));
  return {
    ...emptyPhase(subscription.currency, start, end),
    items: entries,
    metadata: {},
    trial_end: subscription.status === 'trialing' ? subscription.trial_end : null,
  };
}

export function currentPhase(phase: Phase): SubscriptionSchedule['current_phase'] {
  return { start_date: phase.start_date, end_date: phase.end_date };
}

function endOf({ endDate, duration, iterations, items }: PhaseRequest, start: number): number {
  if (endDate !== undefined) {
    return endDate;
  }
  const length = duration ?? items[0]?.price.recurring;
  return length === undefined || length === null
    ? start
    : addInterval(
        start,
        { interval: length.interval, interval_count: length.interval_count ?? 1 },
        iterations,
      );
}

function phaseOf(request: PhaseRequest, start: number, end: number): Phase {
  return {
    ...emptyPhase(request.items[0]?.price.currency ?? 'usd', start, end),
    discounts: request.discounts.map(({ coupon, promotionCode }) => ({
      coupon: promotionCode === null ? coupon.id : null,
      discount: null,
      promotion_code: promotionCode,
    })),
    items: request.items.map(({ price, quantity }) => itemOf(price.id, quantity)),
    metadata: request.metadata,
    proration_behavior: request.prorationBehavior,
    trial_end: request.trial ? end : (request.trialEnd ?? null),
  };
}

function itemOf(price: string, quantity: number | null): Phase['items'][number] {
  return {
    billing_thresholds: null,
    discounts: [],
    metadata: {},
    plan: price,
    price,
    ...(quantity === null ? {} : { quantity }),
    tax_rates: [],
  };
}

function emptyPhase(currency: string, start: number, end: number): Phase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency,
    default_payment_method: null,
    description: null,
    discounts: [],
    end_date: end,
    invoice_settings: null,
    items: [],
    metadata: {},
    on_behalf_of: null,
    proration_behavior: 'create_prorations',
    start_date: start,
    transfer_data: null,
    trial_end: null,
  };
}
