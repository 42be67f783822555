import Stripe from 'stripe';
import { ImplausibleAnswer, listAll, wholeList } from '../platform/stripe-lists.ts';
import { ofOnly } from './contradictions.ts';
import { couponsToFetch, optionalReference, subscriptionRow } from './core/from-stripe.ts';
import { dunningAnchor } from './core/money-from-stripe.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';
import { isMissing } from './failures.ts';
import { whereAllowed } from './optional-expansion.ts';

/**
 * Expands a subscription's discounts. The coupons of items lie deeper than Stripe expands, so they come as
 * ids.
 */
export const withDiscounts = ['discounts.source.coupon', 'items.data.discounts'];

/** Adds a subscription to a snapshot by its id. The same errors as `addSubscription`. */
export async function fetchSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  id: string,
): Promise<void> {
  const subscription = await whereAllowed(withDiscounts, [], (expand) =>
    stripe.subscriptions.retrieve(id, { expand }),
  );
  return addSubscription(stripe, snapshot, subscription);
}

/** Adds a subscription from Stripe, with all its items and, if it owes, the start of its debt. */
export async function addSubscription(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  subscription: Stripe.Subscription,
): Promise<void> {
  const { id } = subscription;
  const items = await whereAllowed(['data.discounts'], [], (expand) =>
    wholeList(subscription.items, (page) =>
      stripe.subscriptionItems.list({ subscription: id, expand, ...page }),
    ),
  );
  ofOnly(id, items, (item) => item.subscription);
  // A subscription has at least one item: fewer are a truncated page, and no evidence.
  if (items.length < Math.max(1, subscription.items.data.length)) {
    throw new ImplausibleAnswer('Stripe returned fewer items than the subscription has');
  }
  const owes = subscription.status === 'past_due' || subscription.status === 'unpaid';
  const anchor = owes ? dunningAnchor(await fetchInvoices(stripe, id)) : null;
  const coupons = await fetchCoupons(stripe, couponsToFetch(subscription, items));
  if (subscription.test_clock !== null) snapshot.onTestClock.push(id);
  snapshot.subscriptions.push(subscriptionRow(subscription, items, anchor, coupons));
}

/**
 * Fetches coupons. A deleted coupon lives on in its discounts alone and is left out. Only reports need
 * coupons, so if they cannot be fetched (null), the subscription is synced without them.
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

async function fetchInvoices(
  stripe: Stripe,
  subscription: string,
): Promise<readonly Stripe.Invoice[]> {
  const invoices = await listAll((page) => stripe.invoices.list({ subscription, ...page }));
  return ofOnly(subscription, invoices, ({ parent }) =>
    optionalReference(parent?.subscription_details?.subscription),
  );
}

/**
 * Fetches Stripe's own entitlements of a customer, to compare them with ours. The subscriptions behind them
 * are fetched too, since they may be new to us.
 */
export async function fetchSummary(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  customer: string,
): Promise<void> {
  const subscriptions = await whereAllowed(
    withDiscounts.map((path) => `data.${path}`),
    [],
    (expand) =>
      listAll((page) => stripe.subscriptions.list({ customer, status: 'all', expand, ...page })),
  );
  for (const each of subscriptions) await addSubscription(stripe, snapshot, each);
  const active = await listAll((page) =>
    stripe.entitlements.activeEntitlements.list({ customer, ...page }),
  );
  snapshot.summaries.push({ id: customer, lookupKeys: active.map((one) => one.lookup_key) });
}
