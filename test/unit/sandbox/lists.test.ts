import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import {
  buyOnce,
  dayMs,
  idOf,
  monthlyPrice,
  openFixture,
  refusal,
  seconds,
  startAt,
  subscribe,
  type Fixture,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

interface Listed {
  id: string;
  created: number;
}

interface ListParams {
  created?: { gte?: number; gt?: number; lt?: number; lte?: number };
  limit?: number;
  starting_after?: string;
  ending_before?: string;
}

type List = (params: ListParams) => Promise<{ data: Listed[]; has_more: boolean }>;

/** The lists that reconciliation walks. */
const lists: Record<string, (stripe: Stripe) => List> = {
  subscriptions: (stripe) => (params) => stripe.subscriptions.list({ status: 'all', ...params }),
  customers: (stripe) => (params) => stripe.customers.list(params),
  invoices: (stripe) => (params) => stripe.invoices.list(params),
  invoicePayments: (stripe) => (params) => stripe.invoicePayments.list(params),
  paymentIntents: (stripe) => (params) => stripe.paymentIntents.list(params),
  charges: (stripe) => (params) => stripe.charges.list(params),
  refunds: (stripe) => (params) => stripe.refunds.list(params),
  disputes: (stripe) => (params) => stripe.disputes.list(params),
  sessions: (stripe) => (params) => stripe.checkout.sessions.list(params),
  products: (stripe) => (params) => stripe.products.list(params),
  prices: (stripe) => (params) => stripe.prices.list(params),
  coupons: (stripe) => (params) => stripe.coupons.list(params),
  schedules: (stripe) => (params) => stripe.subscriptionSchedules.list(params),
  events: (stripe) => (params) => stripe.events.list({ types: ['product.created'], ...params }),
};

/** One of every kind of object. */
async function makeOneOfEach(): Promise<void> {
  const { sandbox, stripe } = fixture;
  const { id } = await subscribe(fixture);
  await stripe.subscriptionSchedules.create({ from_subscription: id });
  await stripe.coupons.create({ percent_off: 10 });
  const charge = await buyOnce(fixture);
  await stripe.refunds.create({ charge: charge.id, amount: 100 });
  await sandbox.billing.openDispute(charge.id, 100);
}

describe.each(Object.entries(lists))('the list of %s', (_name, open) => {
  it('is newest first, in pages, within bounds of the creation', async () => {
    const list = open(fixture.stripe);
    for (let day = 0; day < 3; day += 1) {
      await makeOneOfEach();
      await fixture.sandbox.clock.advance(dayMs);
    }
    const whole = await list({ limit: 100 });
    const created = whole.data.map((one) => one.created);
    expect(created.length).toBeGreaterThanOrEqual(3);
    expect(created).toEqual(created.toSorted((left, right) => right - left));
    expect(whole.has_more).toBe(false);

    const walked: string[] = [];
    let page = await list({ limit: 2 });
    for (;;) {
      walked.push(...page.data.map(({ id }) => id));
      const last = page.data.at(-1);
      if (!page.has_more || last === undefined) {
        break;
      }
      page = await list({ limit: 2, starting_after: last.id });
    }
    const ids = whole.data.map(({ id }) => id);
    expect(walked).toEqual(ids);

    const second = seconds(startAt + dayMs);
    const third = seconds(startAt + 2 * dayMs);
    const within = async (bounds: ListParams['created']) =>
      (await list({ limit: 100, ...(bounds === undefined ? {} : { created: bounds }) })).data.map(
        ({ id }) => id,
      );
    const those = (wanted: (at: number) => boolean) =>
      whole.data.filter((one) => wanted(one.created)).map(({ id }) => id);
    expect(await within({ gte: second, lt: third })).toEqual(those((at) => at === second));
    expect(await within({ gt: second })).toEqual(those((at) => at === third));
    expect(await within({ lte: second })).toEqual(those((at) => at <= second));

    const newer = await list({ limit: 1, ending_before: ids.at(-1) ?? '' });
    expect(newer.data.map(({ id }) => id)).toEqual([ids.at(-2)]);
  });
});

describe('filters', () => {
  it('find what belongs to a customer, a subscription or an intent, and nothing else', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    const bought = [];
    for (const email of ['ann@example.com', 'bob@example.com']) {
      const customer = await stripe.customers.create({ email });
      const { id } = await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer: customer.id,
        line_items: [{ price: price.id, quantity: 1 }],
        success_url: 'https://app.example/ok',
      });
      await sandbox.buyer.pay(id);
      bought.push(await stripe.checkout.sessions.retrieve(id));
    }
    const [ann] = bought;
    const customer = idOf(ann?.customer);
    const subscription = idOf(ann?.subscription);
    const ids = ({ data }: { data: { id: string }[] }) => data.map(({ id }) => id);
    expect(ids(await stripe.subscriptions.list({ customer }))).toEqual([subscription]);
    expect(ids(await stripe.checkout.sessions.list({ customer }))).toEqual([ann?.id]);
    expect(ids(await stripe.checkout.sessions.list({ subscription }))).toEqual([ann?.id]);
    expect(ids(await stripe.invoices.list({ customer }))).toEqual([ann?.invoice]);
    expect(ids(await stripe.invoices.list({ subscription }))).toEqual([ann?.invoice]);
    expect((await stripe.charges.list({ customer })).data).toHaveLength(1);
    expect(ids(await stripe.prices.list({ product: idOf(price.product) }))).toEqual([price.id]);
    expect(ids(await stripe.subscriptions.list({ price: price.id }))).toHaveLength(2);
  });

  it('leave ended subscriptions out unless all are asked for', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.billing.cancelNow(id);
    expect((await stripe.subscriptions.list()).data).toEqual([]);
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toHaveLength(1);
    expect((await stripe.subscriptions.list({ status: 'canceled' })).data).toHaveLength(1);
  });

  it('refuse to begin behind what does not exist', async () => {
    const { stripe } = fixture;
    const error = await refusal(stripe.customers.list({ starting_after: 'cus_none' }));
    expect(error).toMatchObject({ code: 'resource_missing', param: 'starting_after' });
  });
});

it('events are shown for thirty days', async () => {
  const { sandbox, stripe } = fixture;
  await stripe.customers.create({});
  const [event] = (await stripe.events.list()).data;
  await sandbox.clock.advance(30 * dayMs);
  expect((await stripe.events.list()).data).toEqual([]);
  expect((await refusal(stripe.events.retrieve(event?.id ?? ''))).statusCode).toBe(404);
});

it('what Stripe counts as entitled, and the features of a product, come in pages', async () => {
  const { stripe } = fixture;
  const price = await monthlyPrice(stripe);
  const product = idOf(price.product);
  for (let made = 0; made < 12; made += 1) {
    const key = `feature-${made}`;
    const feature = await stripe.entitlements.features.create({ name: key, lookup_key: key });
    await stripe.products.createFeature(product, { entitlement_feature: feature.id });
  }
  const { customer } = await subscribe(fixture, { items: [{ price: price.id }] });
  const keys: string[] = [];
  for await (const one of stripe.entitlements.activeEntitlements.list({
    customer: idOf(customer),
  })) {
    keys.push(one.lookup_key);
  }
  expect(keys).toHaveLength(12);
  const page = await stripe.products.listFeatures(product, { limit: 5 });
  expect(page).toMatchObject({ has_more: true, data: { length: 5 } });
  const attached: string[] = [];
  for await (const one of stripe.products.listFeatures(product, { limit: 5 })) {
    attached.push(one.entitlement_feature.lookup_key);
  }
  expect(attached.toSorted()).toEqual(keys.toSorted());
});
