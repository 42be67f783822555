import type Stripe from 'stripe';
import type { Card } from '../../src/sandbox/checkout/session-payment.ts';
import type { Shop } from '../helpers/shop.ts';
import { hour, idOf, ownedBy, put, required } from './steps.ts';

/* How users come by subscriptions and purchases at Stripe, without our checkout. */

type SubscriptionParams = Omit<Stripe.SubscriptionCreateParams, 'customer'>;

/** Creates a subscription of the user at Stripe, by default to `pro`, and delivers its events. */
export async function subscribe(
  shop: Shop,
  userId: string,
  params: SubscriptionParams = {},
): Promise<Stripe.Subscription> {
  const customer = await shop.stripe.customers.create();
  return subscribeCustomer(shop, userId, customer.id, params);
}

/** Does the same for an existing customer. */
export async function subscribeCustomer(
  shop: Shop,
  userId: string,
  customer: string,
  params: SubscriptionParams = {},
): Promise<Stripe.Subscription> {
  const subscription = await shop.stripe.subscriptions.create({
    customer,
    items: [{ price: shop.prices.pro }],
    metadata: ownedBy(shop, userId),
    ...params,
  });
  await shop.settle();
  return subscription;
}

/** Returns the earliest end of its items' periods. */
export function periodEndOf({ items }: Stripe.Subscription): number {
  return Math.min(...items.data.map((item) => item.current_period_end)) * 1_000;
}

/** Returns the id of an item, by default the first one's. */
export function itemOf({ items }: Stripe.Subscription, index = 0): string {
  return required(items.data[index]).id;
}

/** Returns the customer who pays for it. */
export function customerIdOf({ customer }: Stripe.Subscription): string {
  return typeof customer === 'string' ? customer : customer.id;
}

/**
 * Lets a renewal fail: an hour after the period's end, when Stripe has tried. Returns when the debt began.
 */
export async function fallBehind(shop: Shop, subscription: Stripe.Subscription): Promise<number> {
  const now = await shop.stripe.subscriptions.retrieve(subscription.id);
  return fallBehindAt(shop, now, periodEndOf(now) + 2 * hour);
}

/** Does the same; the renewal is retried until the instant. */
export async function fallBehindAt(
  shop: Shop,
  subscription: Stripe.Subscription,
  instant: number,
): Promise<number> {
  await shop.sandbox.billing.failNextPayments(customerIdOf(subscription), true);
  await shop.advanceTo(instant);
  await shop.settle();
  const invoice = await openInvoiceOf(shop, subscription);
  return (invoice.status_transitions.finalized_at ?? 0) * 1_000;
}

/** Returns the newest unpaid invoice. */
export async function openInvoiceOf(
  shop: Shop,
  { id }: Stripe.Subscription,
): Promise<Stripe.Invoice> {
  const { data } = await shop.stripe.invoices.list({ subscription: id, status: 'open' });
  return required(data[0]);
}

interface Checkout extends Stripe.Checkout.SessionCreateParams {
  /** Ids of prices, one of each; `line_items` for quantities. */
  prices?: string[];
  card?: Card;
}

/**
 * Pays at a checkout that names the user in its metadata, without delivering events. Returns Stripe's
 * session.
 */
export async function payAt(
  shop: Shop,
  userId: string,
  { prices = [], card, ...params }: Checkout,
): Promise<Stripe.Checkout.Session> {
  const owner = ownedBy(shop, userId);
  const opened = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: prices.map((price) => ({ price, quantity: 1 })),
    success_url: 'https://notes.example',
    metadata: owner,
    ...(params.mode === 'subscription' ? { subscription_data: { metadata: owner } } : {}),
    ...params,
  });
  await shop.sandbox.buyer.pay(opened.id, card === undefined ? {} : { card });
  return shop.stripe.checkout.sessions.retrieve(opened.id);
}

/** Does the same and delivers the events. */
export async function buyAt(
  shop: Shop,
  userId: string,
  checkout: Checkout,
): Promise<Stripe.Checkout.Session> {
  const session = await payAt(shop, userId, checkout);
  await shop.settle();
  return session;
}

/** Returns the payment of a session, its own or that of its first invoice. */
export async function chargeOf(
  shop: Shop,
  { payment_intent: own, invoice }: Stripe.Checkout.Session,
): Promise<Stripe.Charge> {
  const intent = own ?? (await intentOfInvoice(shop, invoice));
  const { latest_charge: charge } = await shop.stripe.paymentIntents.retrieve(idOf(intent), {
    expand: ['latest_charge'],
  });
  if (charge === null || typeof charge === 'string') throw new Error('not expanded');
  return charge;
}

async function intentOfInvoice(
  shop: Shop,
  invoice: string | { id: string } | null,
): Promise<string | { id: string } | null> {
  const { data } = await shop.stripe.invoicePayments.list({ invoice: idOf(invoice) });
  return required(data[0]).payment.payment_intent ?? null;
}

interface Goods {
  features: Record<string, unknown>;
  /** How long a one-time price lasts. */
  accessDays?: number;
  rank?: number;
  /** Absent: 10 dollars a month. */
  price?: Omit<Stripe.PriceCreateParams, 'product' | 'currency'> & { currency?: string };
}

/** Creates a product of the project with one price, and maps it. */
export async function sell(
  shop: Shop,
  { features, accessDays, rank = 0, price = { recurring: { interval: 'month' } } }: Goods,
): Promise<{ product: string; price: string }> {
  const product = await shop.stripe.products.create({
    name: 'goods',
    metadata: { project_id: shop.projectId },
  });
  const { id } = await shop.stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1_000,
    ...price,
  });
  await put(shop, `products/${product.id}`, { features, rank });
  if (accessDays !== undefined) await put(shop, `prices/${id}`, { access_days: accessDays });
  return { product: product.id, price: id };
}
