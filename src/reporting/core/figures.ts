import { isKnownStatus, type SubscriptionStatus } from '../../entitlements/core/stripe-statuses.ts';
import {
  computeMovement,
  type Movement,
  type ReportWindow,
  type SubscriptionSpan,
} from './movement.ts';
import { add, type Rational, roundHalfUp, zero } from './rational.ts';
import { monthlyAmount, type Pricing, type RecurringSubscription } from './recurring.ts';

/*
 * Computes the figures of a project's report (docs/reports.md). Amounts are whole minor units, by currency.
 */

type ByCurrency = ReadonlyMap<string, bigint>;
type Counts = ReadonlyMap<string, number>;

/** A group of subscriptions in a project that are equal in every field that reports use. */
export interface AlikeSubscriptions extends RecurringSubscription {
  count: number;
  /** The status in Stripe. */
  status: string;
  /** The last status whose effect is known. */
  effectiveStatus: string;
  collectionPaused: boolean;
  items: readonly { priceId: string; productId: string; quantity: number | null }[];
}

/** Subscription totals at one instant. */
export interface Standing {
  byStatus: Counts;
  /** Number of active subscriptions. */
  active: number;
  byProduct: Counts;
  byPrice: Counts;
  mrr: ByCurrency;
  mrrTrialing: ByCurrency;
  mrrPaused: ByCurrency;
  unpricedItems: number;
}

interface Revenue {
  gross: bigint;
  refunded: bigint;
  disputed: bigint;
  net: bigint;
}

/** What all users used of a metered feature. */
export interface UsageSum {
  used: bigint;
  reversed: bigint;
  users: number;
}

/** The changes over a window. */
export interface Flow {
  movement: Movement;
  revenue: ReadonlyMap<string, Revenue>;
  payments: { failed: number; recovered: number };
  /** By feature code. */
  usage: ReadonlyMap<string, UsageSum>;
}

/** The totals of one currency over a window. */
export interface CurrencySum {
  kind: 'gross' | 'refunded' | 'disputed';
  currency: string;
  amount: bigint;
}

/** The figure that includes a monthly amount; null if nothing is currently collected. */
type MonthlyFigure = 'mrr' | 'trialing' | 'paused' | null;

const meanings: Readonly<Record<SubscriptionStatus, { active: boolean; monthly: MonthlyFigure }>> =
  {
    trialing: { active: true, monthly: 'trialing' },
    active: { active: true, monthly: 'mrr' },
    past_due: { active: true, monthly: 'mrr' },
    paused: { active: false, monthly: 'paused' },
    unpaid: { active: false, monthly: null },
    canceled: { active: false, monthly: null },
    incomplete: { active: false, monthly: null },
    incomplete_expired: { active: false, monthly: null },
  };

/**
 * Computes the subscription totals at one instant.
 *
 * @param prices by id.
 */
export function computeStanding(
  subscriptions: readonly AlikeSubscriptions[],
  prices: ReadonlyMap<string, Pricing>,
): Standing {
  const byStatus = new Map<string, number>();
  const byProduct = new Map<string, number>();
  const byPrice = new Map<string, number>();
  const sums = {
    mrr: new RationalSums(),
    trialing: new RationalSums(),
    paused: new RationalSums(),
  };
  let active = 0;
  let unpricedItems = 0;
  for (const alike of subscriptions) {
    const { count, status, effectiveStatus, items, currency } = alike;
    countIn(byStatus, status, count);
    const meaning = isKnownStatus(effectiveStatus) ? meanings[effectiveStatus] : undefined;
    if (meaning?.active) {
      active += count;
      const on = items.filter(({ quantity }) => quantity !== 0);
      for (const id of new Set(on.map(({ productId }) => productId))) countIn(byProduct, id, count);
      for (const id of new Set(on.map(({ priceId }) => priceId))) countIn(byPrice, id, count);
    }
    if (!meaning?.monthly) continue;
    const figure = meaning.monthly === 'mrr' && alike.collectionPaused ? 'paused' : meaning.monthly;
    const monthly = monthlyAmount(alike, prices);
    sums[figure].add(currency, monthly.amount, count);
    unpricedItems += monthly.unpricedItems * count;
  }
  return {
    byStatus,
    active,
    byProduct,
    byPrice,
    mrr: sums.mrr.rounded(),
    mrrTrialing: sums.trialing.rounded(),
    mrrPaused: sums.paused.rounded(),
    unpricedItems,
  };
}

export function computeFlow(
  facts: {
    spans: readonly SubscriptionSpan[];
    sums: readonly CurrencySum[];
    payments: { failed: number; recovered: number };
    usage: ReadonlyMap<string, UsageSum>;
  },
  window: ReportWindow,
): Flow {
  const revenue = new Map<string, Revenue>();
  for (const { kind, currency, amount } of facts.sums) {
    const sum = revenue.get(currency) ?? { gross: 0n, refunded: 0n, disputed: 0n, net: 0n };
    sum[kind] += amount;
    sum.net += kind === 'gross' ? amount : -amount;
    revenue.set(currency, sum);
  }
  return {
    movement: computeMovement(facts.spans, window),
    revenue,
    payments: facts.payments,
    usage: facts.usage,
  };
}

/** Exact sums by currency. Each is rounded only once, at the end. */
class RationalSums {
  readonly #sums = new Map<string, Rational>();

  add(currency: string, amount: Rational, times: number): void {
    const all = { ...amount, numerator: amount.numerator * BigInt(times) };
    this.#sums.set(currency, add(this.#sums.get(currency) ?? zero, all));
  }

  /** Returns the rounded totals. Currencies without an amount are omitted. */
  rounded(): ByCurrency {
    return new Map(
      [...this.#sums]
        .map(([currency, sum]) => [currency, roundHalfUp(sum)] as const)
        .filter(([, amount]) => amount !== 0n),
    );
  }
}

function countIn(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
