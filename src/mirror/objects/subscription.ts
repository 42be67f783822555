import Stripe from 'stripe';
import { isKnownStatus, isTerminal } from '../../entitlements/core/stripe-statuses.ts';
import { ImplausibleAnswer, listAll, ofOnly, wholeList } from '../../platform/stripe-lists.ts';
import { couponsToFetch, subscriptionRow } from '../core/from-stripe.ts';
import { dunningAnchor, subscriptionOf } from '../core/money-from-stripe.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';
import { isMissing } from '../failures.ts';
import { whereAllowed } from '../optional-expansion.ts';
import { customerObject, type FollowedObject, upsertOf, whereIn } from './followed-object.ts';

export const subscription: FollowedObject<'subscription'> = {
  fetch: fetchSubscription,
  links: ({ customerId }) => ({ customer: customerId }),
  /**
   * Stores a subscription. A terminal status is final in Stripe, so a contradicting snapshot is older. An
   * unknown status keeps the effect of the last known one. If no status was ever known, it denies access.
   */
  async store(tx, row, { revived }) {
    const { items, discounts, ...rest } = row;
    const former = await tx.subscription.findUnique({ where: { id: row.id } });
    const ended = former !== null && isTerminal(former.status) && !isTerminal(row.status);
    if (ended && !revived.includes(row.id)) return [];
    const known = isKnownStatus(row.status);
    const data = {
      ...rest,
      ...(known || former === null
        ? { effectiveStatus: row.status }
        : {
            effectiveStatus: former.effectiveStatus,
            dunningAnchorAt: former.dunningAnchorAt,
            pausedAt: former.pausedAt,
          }),
    };
    await tx.subscription.upsert(upsertOf(data));
    await tx.subscriptionItem.deleteMany({ where: { subscriptionId: row.id } });
    await tx.subscriptionItem.createMany({ data: items });
    if (discounts !== undefined) {
      await tx.subscriptionDiscount.deleteMany({ where: { subscriptionId: row.id } });
      if (discounts.length > 0) await tx.subscriptionDiscount.createMany({ data: discounts });
    }
    return known ? [] : [row.id];
  },
  load: (tx, rows) =>
    tx.subscription.findMany({ ...whereIn(rows), include: { items: true, discounts: true } }),
  ofCustomer: (stripe, customer) => async (page) => {
    const listed = await stripe.subscriptions.list({ customer, status: 'all', ...page });
    return { ...listed, data: listed.data.map((one) => customerObject(one, one.items.data)) };
  },
};

/** Expands a subscription's discounts. Stripe's expansion does not reach the coupons of items. */
export const withDiscounts = ['discounts.source.coupon', 'items.data.discounts'];

/** Fetches a subscription into a snapshot (`addSubscription`). */
export async function fetchSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  id: string,
): Promise<void> {
  const shown = await whereAllowed(withDiscounts, [], (expand) =>
    stripe.subscriptions.retrieve(id, { expand }),
  );
  return addSubscription(stripe, snapshot, shown);
}

/**
 * Adds a subscription to a snapshot, with all its items. If it is past due or unpaid, also adds the start of
 * the debt.
 *
 * @throws ImplausibleAnswer if Stripe's responses contradict each other.
 */
export async function addSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  shown: Stripe.Subscription,
): Promise<void> {
  const { id } = shown;
  const items = await whereAllowed(['data.discounts'], [], (expand) =>
    wholeList(shown.items, (page) =>
      stripe.subscriptionItems.list({ subscription: id, expand, ...page }),
    ),
  );
  ofOnly(id, items, (item) => item.subscription);
  // A subscription has at least one item. A shorter list is a truncated page, which proves nothing.
  if (items.length < Math.max(1, shown.items.data.length)) {
    throw new ImplausibleAnswer('Stripe returned fewer items than the subscription has');
  }
  const owes = shown.status === 'past_due' || shown.status === 'unpaid';
  const anchor = owes ? await fetchDunningAnchor(stripe, id) : null;
  const coupons = await fetchCoupons(stripe, couponsToFetch(shown, items));
  if (shown.test_clock !== null) snapshot.onTestClock.push(id);
  snapshot.subscription.push(subscriptionRow(shown, items, anchor, coupons));
}

/**
 * Fetches coupons, except deleted ones; null if Stripe returns an error. Only reports need coupons, so the
 * subscription is synced without them in that case.
 */
async function fetchCoupons(
  stripe: Stripe,
  ids: ReadonlySet<string>,
): Promise<Map<string, Stripe.Coupon> | null> {
  const coupons = new Map<string, Stripe.Coupon>();
  for (const id of ids) {
    try {
      coupons.set(id, await stripe.coupons.retrieve(id));
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (!isMissing(error)) return null;
    }
  }
  return coupons;
}

async function fetchDunningAnchor(stripe: Stripe, subscription: string): Promise<Date | null> {
  const invoices = await listAll((page) => stripe.invoices.list({ subscription, ...page }));
  return dunningAnchor(ofOnly(subscription, invoices, subscriptionOf));
}
