import Stripe from 'stripe';
import { expect, vi } from 'vitest';
import type { Card } from '../../src/sandbox/checkout/session-payment.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { webhookSecret, type TestResponse } from '../helpers/service.ts';
import type { Shop } from '../helpers/shop.ts';

/* What scenarios are made of. Instants are epoch milliseconds, as everywhere on our side. */

export const hour = 3_600_000;
export const day = 24 * hour;

/** What the shop's goods give. */
export const pro = { export: true, notebooks: 10 };
export const team = { export: true, notebooks: 'unlimited', theme: { dark: true } };
export const pass = { export: true };
export const forever = { theme: { dark: false } };

export function ownedBy(shop: Shop, userId: string): Record<string, string> {
  return { project_id: shop.projectId, user_id: userId };
}

type SubscriptionParams = Omit<Stripe.SubscriptionCreateParams, 'customer'>;

/** A subscription of the user's that is made at Stripe, to `pro` unless told otherwise, and told of. */
export async function subscribe(
  shop: Shop,
  userId: string,
  params: SubscriptionParams = {},
): Promise<Stripe.Subscription> {
  const customer = await shop.stripe.customers.create();
  return subscribeCustomer(shop, userId, customer.id, params);
}

/** As `subscribe`, for a customer that there is. */
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

/** Where the earliest period of its items ends. */
export function periodEndOf({ items }: Stripe.Subscription): number {
  return Math.min(...items.data.map((item) => item.current_period_end)) * 1_000;
}

export function itemOf({ items }: Stripe.Subscription, index = 0): string {
  return required(items.data[index]).id;
}

export function customerIdOf({ customer }: Stripe.Subscription): string {
  return typeof customer === 'string' ? customer : customer.id;
}

/** A renewal that is not paid: an hour after the period's end, when Stripe has tried. Returns when the debt began. */
export async function fallBehind(shop: Shop, subscription: Stripe.Subscription): Promise<number> {
  const now = await shop.stripe.subscriptions.retrieve(subscription.id);
  await shop.sandbox.billing.failNextPayments(customerIdOf(now), true);
  await shop.advanceTo(periodEndOf(now) + 2 * hour);
  await shop.settle();
  const invoice = await openInvoiceOf(shop, subscription);
  return (invoice.status_transitions.finalized_at ?? 0) * 1_000;
}

/** The newest invoice that is owed. */
export async function openInvoiceOf(
  shop: Shop,
  { id }: Stripe.Subscription,
): Promise<Stripe.Invoice> {
  const { data } = await shop.stripe.invoices.list({ subscription: id, status: 'open' });
  return required(data[0]);
}

interface Checkout extends Stripe.Checkout.SessionCreateParams {
  /** Ids of prices, one of each; `line_items` instead, where quantities matter. */
  prices?: string[];
  card?: Card;
}

/** Pays at a checkout that names the user in its metadata. Nothing is told yet. Returns the session as Stripe has it then. */
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

/** As `payAt`, and told. */
export async function buyAt(
  shop: Shop,
  userId: string,
  checkout: Checkout,
): Promise<Stripe.Checkout.Session> {
  const session = await payAt(shop, userId, checkout);
  await shop.settle();
  return session;
}

/** What a session was paid by, be it itself or its first invoice. */
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

export function idOf(reference: string | { id: string } | null): string {
  const found = required(reference);
  return typeof found === 'string' ? found : found.id;
}

export function required<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is none');
  return value;
}

interface Goods {
  features: Record<string, unknown>;
  /** Of a one-time price: how long it lasts. */
  accessDays?: number;
  rank?: number;
  /** Absent: 10 dollars a month. */
  price?: Omit<Stripe.PriceCreateParams, 'product' | 'currency'> & { currency?: string };
}

/** A product of the project's with one price, and what it carries. */
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

/** As an operator: sets something of the project's catalog, and everyone is computed anew. */
export async function put(shop: Shop, path: string, body: object): Promise<void> {
  const answer = await shop.service.request('PUT', `/admin/${path}`, { key: shop.key, body });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

/** Changes the project's policy for as long as `work` runs. */
export async function withPolicy(
  shop: Shop,
  settings: Record<string, unknown>,
  work: () => Promise<void>,
): Promise<void> {
  await setPolicy(shop, settings);
  try {
    await work();
  } finally {
    await setPolicy(shop, {
      grace_days: 7,
      refund_full: 'revoke',
      refund_partial: 'keep',
      dispute_opened: 'keep',
    });
  }
}

export async function setPolicy(shop: Shop, settings: Record<string, unknown>): Promise<void> {
  const answer = await shop.service.request('PATCH', `/admin/projects/${shop.projectId}`, {
    key: shop.key,
    body: { settings },
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

export async function expectAccess(shop: Shop, userId: string, expected: object): Promise<void> {
  expect(await shop.entitled(userId)).toEqual(expected);
}

/** What the user may use at an instant, as is known now: the values by feature code. */
export async function accessAt(
  shop: Shop,
  userId: string,
  instant: number,
): Promise<Record<string, unknown>> {
  const { body } = await shop.service.request(
    'GET',
    `/entitlements?user_id=${userId}&at=${new Date(instant).toISOString()}`,
    { key: shop.key },
  );
  return Object.fromEntries(
    rowsOf(body, 'entitlements').map((row) => [text(row, 'feature_code'), at(row, 'value')]),
  );
}

/** The user has `before` until the last millisecond, and `after` from the instant on, though nobody tells of it. */
export async function expectChangeAt(
  shop: Shop,
  userId: string,
  instant: number,
  { before, after = {} }: { before: object; after?: object },
): Promise<void> {
  shop.service.clock.set(instant - 1);
  await expectAccess(shop, userId, before);
  shop.service.clock.set(instant);
  await expectAccess(shop, userId, after);
}

/** Until mocks are restored, Stripe tells the service of a subscription with these fields instead of its own. */
export function tellOfSubscription(
  shop: Shop,
  id: string,
  fields: Partial<Stripe.Subscription>,
): void {
  for (const { subscriptions } of clientsOf(shop)) {
    vi.spyOn(subscriptions, 'retrieve').mockImplementation(async (asked) => {
      const told = await shop.stripe.subscriptions.retrieve(asked);
      return asked === id ? { ...told, ...fields } : told;
    });
  }
}

/** Until mocks are restored, Stripe tells the service of a dispute with this status. */
export function tellOfDispute(shop: Shop, id: string, status: Stripe.Dispute.Status): void {
  for (const { disputes } of clientsOf(shop)) {
    vi.spyOn(disputes, 'retrieve').mockImplementation(async (asked) => {
      const told = await shop.stripe.disputes.retrieve(asked);
      return asked === id ? { ...told, status } : told;
    });
  }
}

/** What the service asks Stripe by: for buyers, and in the background. */
function clientsOf({ service }: Shop): Stripe[] {
  return [service.deps.stripe, service.deps.stripeInBackground];
}

interface News {
  type: string;
  object: object;
  id?: string;
  livemode?: boolean;
  account?: string;
  api_version?: string;
}

let written = 0;

/** Posts an event as Stripe would, signed, and syncs. */
export async function post(shop: Shop, { object, ...news }: News): Promise<TestResponse> {
  written += 1;
  const answer = await postBody(shop, {
    id: `evt_written_${written}`,
    object: 'event',
    created: Math.floor(shop.service.clock.now() / 1_000),
    livemode: false,
    api_version: '2026-10-28.endive',
    data: { object },
    ...news,
  });
  await shop.service.runWorker();
  return answer;
}

/** Posts a body under a valid signature. */
export function postBody(shop: Shop, body: object): Promise<TestResponse> {
  const payload = JSON.stringify(body);
  return shop.service.request('POST', '/webhooks/stripe', {
    body: payload,
    headers: {
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({
        payload,
        secret: webhookSecret,
        timestamp: Math.floor(shop.service.clock.now() / 1_000),
      }),
    },
  });
}

/** Tells of a subscription once more, so that it is fetched. */
export async function tellAgain(shop: Shop, { id }: { id: string }): Promise<void> {
  await post(shop, {
    type: 'customer.subscription.updated',
    object: { id, object: 'subscription' },
  });
}

/** How often an alarm of a kind was raised so far. */
export async function alarmsOf(shop: Shop, kind: string): Promise<number> {
  const { values } = await shop.service.deps.metrics.alarms.get();
  return values.find(({ labels }) => labels.kind === kind)?.value ?? 0;
}
