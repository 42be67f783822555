import type Stripe from 'stripe';
import type { PurchaseRow, SessionRow, SubscriptionRow } from './rows.ts';

/*
 * Maps Stripe's objects (in the API version of the pinned SDK) to the mirror's rows. Pure. Mappings that only
 * copy fields are in ../objects/. Source: Stripe's API reference. docs/architecture.md lists the pitfalls.
 */

/**
 * Maps a subscription to its row.
 *
 * @param items all items of the subscription. Stripe includes at most 10 of them in the subscription itself.
 * @param dunningAnchorAt see `dunningAnchor` (money-from-stripe.ts).
 * @param coupons the coupons of `couponsToFetch`, by id; null if they could not be fetched.
 */
export function subscriptionRow(
  subscription: Stripe.Subscription,
  items: readonly Stripe.SubscriptionItem[],
  dunningAnchorAt: Date | null,
  coupons: ReadonlyMap<string, Stripe.Coupon> | null = new Map(),
): SubscriptionRow {
  return {
    id: subscription.id,
    customerId: reference(subscription.customer),
    status: subscription.status,
    currency: subscription.currency,
    collectionMethod: subscription.collection_method,
    createdAt: instant(subscription.created),
    startDate: instant(subscription.start_date),
    billingCycleAnchor: instant(subscription.billing_cycle_anchor),
    endedAt: optionalInstant(subscription.ended_at),
    cancelAt: optionalInstant(subscription.cancel_at),
    cancelAtPeriodEnd: subscription.cancel_at_period_end,
    canceledAt: optionalInstant(subscription.canceled_at),
    trialStart: optionalInstant(subscription.trial_start),
    trialEnd: optionalInstant(subscription.trial_end),
    pausedAt: optionalInstant(subscription.status_details?.paused.transitioned_at),
    collectionPaused: subscription.pause_collection !== null,
    dunningAnchorAt,
    ...ownerMetadata(subscription.metadata),
    items: items.map((item, position) => ({
      id: item.id,
      subscriptionId: subscription.id,
      priceId: item.price.id,
      productId: reference(item.price.product),
      quantity: item.quantity ?? null,
      createdAt: instant(item.created),
      currentPeriodStart: instant(item.current_period_start),
      currentPeriodEnd: instant(item.current_period_end),
      position,
    })),
    ...(coupons === null ? {} : discountsOrNothing(subscription, items, coupons)),
  };
}

/** Returns the discounts, or nothing if Stripe did not expand one of them: its amount is then unknown. */
function discountsOrNothing(
  subscription: Stripe.Subscription,
  items: readonly Stripe.SubscriptionItem[],
  coupons: ReadonlyMap<string, Stripe.Coupon>,
): Pick<SubscriptionRow, 'discounts'> {
  const rows: SubscriptionRow['discounts'] = [];
  for (const { itemId, discounts } of discountsOf(subscription, items)) {
    for (const [position, discount] of discounts.entries()) {
      if (typeof discount === 'string') return {};
      const { coupon: given } = discount.source;
      if (given === null) continue;
      const coupon = typeof given === 'string' ? coupons.get(given) : given;
      rows.push({
        id: `${itemId ?? subscription.id}/${position}`,
        subscriptionId: subscription.id,
        itemId,
        position,
        couponId: reference(given),
        percentOff: coupon?.percent_off?.toString() ?? null,
        amountOff: wholeAmount(coupon?.amount_off),
        currency: coupon?.currency ?? null,
        duration: coupon?.duration ?? 'unknown',
        endAt: optionalInstant(discount.end),
      });
    }
  }
  return { discounts: rows };
}

/** Returns the ids of the coupons that Stripe did not expand, such as coupons of items. */
export function couponsToFetch(
  subscription: Stripe.Subscription,
  items: readonly Stripe.SubscriptionItem[],
): Set<string> {
  const given = discountsOf(subscription, items)
    .flatMap(({ discounts }) => discounts)
    .map((discount) => (typeof discount === 'string' ? null : discount.source.coupon));
  return new Set(given.filter((coupon) => typeof coupon === 'string'));
}

function discountsOf(
  subscription: Stripe.Subscription,
  items: readonly Stripe.SubscriptionItem[],
): { itemId: string | null; discounts: readonly (string | Stripe.Discount)[] }[] {
  return [
    { itemId: null, discounts: subscription.discounts },
    ...items.map(({ id, discounts }) => ({ itemId: id, discounts })),
  ];
}

/**
 * Maps a session to its row. If it is complete and its `payment_status` is `paid` or `no_payment_required`,
 * each line with a one-time price is a purchase.
 *
 * @param lines all lines of the session.
 * @param payment `arrivedAt`: when the money arrived (`arrivalOf`); null to use the time of the session's creation.
 */
export function sessionRow(
  session: Stripe.Checkout.Session,
  lines: readonly Stripe.LineItem[],
  payment: { arrivedAt: Date | null },
): SessionRow {
  const paymentIntentId = optionalReference(session.payment_intent);
  const invoiceId = optionalReference(session.invoice);
  const paid =
    session.status === 'complete' &&
    (session.payment_status === 'paid' || session.payment_status === 'no_payment_required');
  const toPurchases = ({ price, ...line }: Stripe.LineItem): PurchaseRow[] => {
    if (price?.type !== 'one_time') return [];
    const purchase = {
      id: line.id,
      sessionId: session.id,
      priceId: price.id,
      productId: reference(price.product),
      quantity: line.quantity ?? 1,
      amount: BigInt(line.amount_total),
      currency: line.currency,
      paymentIntentId,
      // In payment mode the invoice is only a receipt: all lines are paid and refunded together.
      invoiceId: session.mode === 'subscription' ? invoiceId : null,
      purchasedAt: payment.arrivedAt ?? instant(session.created),
    };
    return [purchase];
  };
  return {
    id: session.id,
    mode: session.mode,
    status: session.status,
    paymentStatus: session.payment_status,
    customerId: optionalReference(session.customer),
    clientReferenceId: session.client_reference_id,
    priceIds: lines.flatMap(({ price }) => price?.id ?? []),
    paymentIntentId,
    subscriptionId: optionalReference(session.subscription),
    invoiceId,
    amountTotal: session.amount_total === null ? null : BigInt(session.amount_total),
    currency: session.currency,
    createdAt: instant(session.created),
    ...ownerMetadata(session.metadata),
    purchases: paid ? lines.flatMap(toPurchases) : [],
  };
}

/** Returns the id in a reference field, whether or not the field is expanded. */
export function reference(field: string | { id: string }): string {
  return typeof field === 'string' ? field : field.id;
}

export function optionalReference(
  field: string | { id: string } | null | undefined,
): string | null {
  return field === null || field === undefined ? null : reference(field);
}

/**
 * Returns the owner that metadata names. Checkout sets this metadata, and an operator may set it in Stripe.
 */
export function ownerMetadata(
  metadata: Stripe.Metadata | null,
): Pick<SubscriptionRow, 'metadataProjectId' | 'metadataUserId'> {
  return {
    metadataProjectId: metadata?.['project_id'] ?? null,
    metadataUserId: metadata?.['user_id'] ?? null,
  };
}

/** Converts one of Stripe's timestamps, which are in seconds. */
export function instant(seconds: number): Date {
  return new Date(seconds * 1000);
}

/**
 * Returns null for an amount that is not an integer. Only reports need the amount, so it must not fail the
 * sync.
 */
function wholeAmount(amount: number | null | undefined): bigint | null {
  return Number.isSafeInteger(amount) ? BigInt(amount ?? 0) : null;
}

export function optionalInstant(seconds: number | null | undefined): Date | null {
  return seconds === null || seconds === undefined ? null : instant(seconds);
}
