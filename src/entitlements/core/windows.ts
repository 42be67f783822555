import type {
  BillingInterval,
  CarryFact,
  Facts,
  FeatureValue,
  GrantFact,
  RevocationFact,
  SourceRef,
  UserFacts,
} from './facts.ts';
import type { SetAside } from './purchase-queue.ts';
import { type PurchaseEnd, purchaseLifecycle } from './purchases.ts';
import { earliest, lifecycleOf, type LifecyclePhase } from './source-lifecycle.ts';
import { itemStart, itemLifecycle } from './subscriptions.ts';

/** A source of access, with its values and with its states over all of time. */
export interface SourceWindow {
  ref: SourceRef;
  /** The id of the subscription item, line item or grant. Two items with the same price have the same ref. */
  partId: string;
  /** The values by feature code. */
  features: Readonly<Record<string, FeatureValue>>;
  /** Null if values are not multiplied by a quantity. */
  quantity: number | null;
  rank: number;
  startAt: number;
  /** The instant from which periods of a metered feature are counted. */
  anchorAt: number;
  /** The billing interval of the price; null if it has none. */
  interval: BillingInterval | null;
  /**
   * When the subscription or purchase began, which revocations are compared with. The access of a queued
   * purchase starts later. Null for grants, which are compared by the order of recording.
   */
  beganAt: number | null;
  /**
   * The states of the source, in order and without gaps. The source gives access in each `granted` phase.
   * With no phases, it never gives access or explains a denial.
   */
  lifecycle: LifecyclePhase[];
  /** Why the source ends; `operator` if an operator ended it early. */
  endedBy: PurchaseEnd | 'operator';
  /**
   * The position of a grant in the order of recording, which it shares with revocations; null for other
   * sources.
   */
  grantNumber: number | null;
}

/** The window of a revocation; may be empty. */
export interface RevocationWindow {
  id: string;
  featureCode: string;
  from: number;
  to: number;
  number: number;
  recordedAt: number;
  block: boolean;
}

/**
 * Returns every source in the facts, whether or not it ever gives access. The result depends only on the
 * facts, not on the clock. A price without features is not a source.
 *
 * @param setAside how one feature's revocations affect when queued purchases give that feature; `no_queue`
 *   for a metered feature, whose purchases run side by side.
 */
export function sourceWindows(
  facts: Facts,
  setAside: readonly SetAside[] | 'no_queue' = [],
): SourceWindow[] {
  return [
    ...subscriptionWindows(facts),
    ...purchaseWindows(facts, setAside),
    ...facts.grants.map(grantWindow),
  ];
}

/** Returns when the latest purchase or subscription began, by Stripe's clock; null if the user has none. */
export function lastBeganAt({ subscriptions, purchases }: UserFacts): number | null {
  const began = [
    ...purchases.map(({ purchasedAt }) => purchasedAt),
    ...subscriptions.flatMap((one) => one.items.map((item) => itemStart(one, item))),
  ];
  return began.length === 0 ? null : Math.max(...began);
}

/** Returns the window of a revocation. It ends early if an operator lifted the revocation. */
export function revocationWindow(revocation: RevocationFact): RevocationWindow {
  const { validFrom, validTo, liftedAt, ...rest } = revocation;
  return { ...rest, from: validFrom, to: earliest(validTo, liftedAt) };
}

function subscriptionWindows({ subscriptions, carries, policy }: Facts): SourceWindow[] {
  return subscriptions.flatMap((subscription) =>
    subscription.items.flatMap((item) => {
      const carry = carryOf(carries, item.priceId);
      if (carry === null) return [];
      return {
        ref: { type: 'subscription' as const, id: subscription.id, price_id: item.priceId },
        partId: item.id,
        features: carry.features,
        quantity: item.quantity,
        rank: carry.rank,
        startAt: itemStart(subscription, item),
        anchorAt: subscription.billingCycleAnchor ?? itemStart(subscription, item),
        interval: carry.interval,
        beganAt: itemStart(subscription, item),
        lifecycle: itemLifecycle(subscription, item, policy),
        endedBy: 'time' as const,
        grantNumber: null,
      };
    }),
  );
}

function purchaseWindows(
  { purchases, carries, policy }: Facts,
  setAside: readonly SetAside[] | 'no_queue',
): SourceWindow[] {
  const byPrice = Map.groupBy(purchases, ({ priceId }) => priceId);
  return [...byPrice].flatMap(([priceId, ofPrice]) => {
    const carry = carryOf(carries, priceId);
    if (carry === null) return [];
    return purchaseLifecycle(ofPrice, carry.accessDays, policy, setAside).map(
      ({ purchase, startAt, lifecycle, endedBy }) => ({
        ref: { type: 'purchase' as const, id: purchase.id, price_id: priceId },
        partId: purchase.id,
        features: carry.features,
        quantity: purchase.quantity,
        rank: carry.rank,
        startAt,
        anchorAt: startAt,
        interval: null,
        beganAt: purchase.purchasedAt,
        lifecycle,
        endedBy,
        grantNumber: null,
      }),
    );
  });
}

function grantWindow(grant: GrantFact): SourceWindow {
  const endAt = earliest(grant.validTo, grant.endedAt);
  return {
    ref: { type: 'grant', id: grant.id },
    partId: grant.id,
    features: { [grant.featureCode]: grant.value },
    quantity: null,
    rank: 0,
    startAt: grant.validFrom,
    anchorAt: grant.validFrom,
    interval: null,
    beganAt: null,
    lifecycle: lifecycleOf({ startAt: grant.validFrom, overdueAt: Infinity, endAt }),
    endedBy: endAt === grant.endedAt ? 'operator' : 'time',
    grantNumber: grant.number,
  };
}

function carryOf(carries: Facts['carries'], priceId: string): CarryFact | null {
  return Object.hasOwn(carries, priceId) ? (carries[priceId] ?? null) : null;
}
