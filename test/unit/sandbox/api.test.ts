import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clientOf,
  monthlyPrice,
  openFixture,
  refusal,
  subscribe,
  type Fixture,
  idOf,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

describe('lists', () => {
  it('hold 10 unless a limit says otherwise, newest first, and page through everything', async () => {
    const { stripe } = fixture;
    const created: string[] = [];
    for (let index = 0; index < 25; index += 1) {
      created.push((await stripe.customers.create({ email: `c${index}@example.com` })).id);
    }
    const newestFirst = created.toReversed();

    const first = await stripe.customers.list();
    expect(first.data.map(({ id }) => id)).toEqual(newestFirst.slice(0, 10));
    expect(first.has_more).toBe(true);

    const last = await stripe.customers.list({ starting_after: newestFirst[19] ?? '', limit: 100 });
    expect(last.data.map(({ id }) => id)).toEqual(newestFirst.slice(20));
    expect(last.has_more).toBe(false);

    const before = await stripe.customers.list({ ending_before: newestFirst[12] ?? '', limit: 2 });
    expect(before.data.map(({ id }) => id)).toEqual(newestFirst.slice(10, 12));

    const all = await stripe.customers.list({ limit: 7 }).autoPagingToArray({ limit: 1000 });
    expect(all.map(({ id }) => id)).toEqual(newestFirst);
  });

  it('inside an object hold 10 and say that there is more', async () => {
    const { stripe } = fixture;
    const customer = await stripe.customers.create({});
    const prices = await Promise.all(Array.from({ length: 12 }, () => monthlyPrice(stripe)));
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: prices.map(({ id }) => ({ price: id })),
    });
    expect(subscription.items.data).toHaveLength(10);
    expect(subscription.items.has_more).toBe(true);

    const items = await stripe.subscriptionItems.list({
      subscription: subscription.id,
      limit: 100,
    });
    expect(items.data.map(({ price }) => price.id)).toEqual(prices.map(({ id }) => id));
  });

  it('refuse a limit above 100 and a cursor that is not there', async () => {
    const { stripe } = fixture;
    expect((await refusal(stripe.customers.list({ limit: 101 }))).param).toBe('limit');
    const error = await refusal(stripe.customers.list({ starting_after: 'cus_none' }));
    expect(error).toMatchObject({ code: 'resource_missing', param: 'starting_after' });
  });

  it('leave canceled subscriptions out unless asked for all', async () => {
    const { stripe } = fixture;
    const subscription = await subscribe(fixture);
    await stripe.subscriptions.cancel(subscription.id);
    expect((await stripe.subscriptions.list()).data).toEqual([]);
    const [canceled] = (await stripe.subscriptions.list({ status: 'all' })).data;
    expect(canceled?.status).toBe('canceled');
  });
});

describe('expansion', () => {
  it('follows a path through objects and through optional lists', async () => {
    const { stripe } = fixture;
    const { id } = await subscribe(fixture);
    const subscription = await stripe.subscriptions.retrieve(id, {
      expand: ['customer', 'latest_invoice.payments.data.payment', 'items.data.price.product'],
    });
    expect(subscription.customer).toMatchObject({ object: 'customer', email: 'ann@example.com' });
    expect(subscription.latest_invoice).toMatchObject({
      payments: { data: [{ payment: { type: 'payment_intent' } }] },
    });
    expect(subscription.items.data[0]?.price.product).toMatchObject({ name: 'Pro' });
  });

  it('reaches into each entry of a list by data.', async () => {
    const { stripe } = fixture;
    await subscribe(fixture);
    const { data } = await stripe.subscriptions.list({ expand: ['data.latest_invoice'] });
    expect(data[0]?.latest_invoice).toMatchObject({ object: 'invoice', status: 'paid' });
  });

  it('leaves optional lists out unless they are asked for', async () => {
    const { stripe } = fixture;
    await subscribe(fixture);
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice).not.toHaveProperty('payments');
    const expanded = await stripe.invoices.retrieve(invoice?.id ?? '', { expand: ['payments'] });
    expect(expanded.payments?.data).toHaveLength(1);
  });

  it('ends after four levels, and nowhere but at what can be expanded', async () => {
    const { stripe } = fixture;
    const { id } = await subscribe(fixture);
    const deep = ['latest_invoice.payments.data.payment.payment_intent'];
    expect(await refusal(stripe.subscriptions.retrieve(id, { expand: deep }))).toMatchObject({
      code: 'property_expansion_max_depth',
    });
    const error = await refusal(stripe.subscriptions.retrieve(id, { expand: ['nonsense'] }));
    expect(error.message).toBe('This property cannot be expanded (nonsense).');
  });
});

describe('refusals', () => {
  it('an unknown parameter is a 400 that names it, however deep', async () => {
    const { stripe } = fixture;
    const params = { email: 'a@example.com', nickname: 'Ann' };
    expect(await refusal(stripe.customers.create(params))).toMatchObject({
      statusCode: 400,
      code: 'parameter_unknown',
      param: 'nickname',
    });
    const nested = {
      mode: 'payment' as const,
      payment_intent_data: { description: 'A', colour: 'red' },
    };
    expect(await refusal(stripe.checkout.sessions.create(nested))).toMatchObject({
      code: 'parameter_unknown',
      param: 'payment_intent_data[colour]',
    });
  });

  it('a missing parameter is a 400 that names it', async () => {
    const body = new URLSearchParams({ active: 'true' });
    const response = await fetch(`${fixture.sandbox.url}/v1/products`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_sandbox' },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', code: 'parameter_missing', param: 'name' },
    });
  });

  it('a missing object is a 404, and a 400 where a parameter names it', async () => {
    const { stripe } = fixture;
    expect(await refusal(stripe.customers.retrieve('cus_none'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
      message: "No such customer: 'cus_none'",
    });
    const call = stripe.billingPortal.sessions.create({ customer: 'cus_none' });
    expect(await refusal(call)).toMatchObject({ statusCode: 400, param: 'customer' });
  });

  it('another key is a 401', async () => {
    const stranger = clientOf(fixture.sandbox, 'sk_test_other');
    expect(await refusal(stranger.customers.list())).toMatchObject({ statusCode: 401 });
  });

  it('a path that the sandbox does not have is a 404 that says so', async () => {
    const error = await refusal(fixture.stripe.payouts.list());
    expect(error.statusCode).toBe(404);
    expect(error.message).toContain('Unrecognized request URL');
  });
});

describe('idempotency keys', () => {
  it('give the first answer again, and do nothing twice', async () => {
    const { stripe } = fixture;
    const options = { idempotencyKey: 'once' };
    const first = await stripe.customers.create({ email: 'a@example.com' }, options);
    const again = await stripe.customers.create({ email: 'a@example.com' }, options);
    expect(again.id).toBe(first.id);
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  it('refuse another request', async () => {
    const { stripe } = fixture;
    const options = { idempotencyKey: 'once' };
    await stripe.customers.create({ email: 'a@example.com' }, options);
    const error = await refusal(stripe.customers.create({ email: 'b@example.com' }, options));
    expect(error).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
  });

  it('give the failure of a request again that was begun, and of no other', async () => {
    const { sandbox, stripe } = fixture;
    const options = { idempotencyKey: 'once', maxNetworkRetries: 0 };
    sandbox.faults.api({ status: 500, times: 1 }, { status: 500, begun: true, times: 1 });
    const answers = [];
    for (let tries = 0; tries < 3; tries += 1) {
      answers.push(await refusal(stripe.customers.create({}, options)));
    }
    expect(answers.map(({ headers }) => headers?.['idempotent-replayed'] ?? null)).toEqual([
      null,
      null,
      'true',
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([500, 500, 500]);
    expect((await stripe.customers.list()).data).toEqual([]);
    expect((await stripe.customers.create({}, { idempotencyKey: 'another' })).id).toMatch(/^cus_/);
  });

  it('are forgotten after a day', async () => {
    const { sandbox, stripe } = fixture;
    const options = { idempotencyKey: 'once' };
    const first = await stripe.customers.create({}, options);
    await sandbox.clock.advance(24 * 3600 * 1000);
    expect((await stripe.customers.create({}, options)).id).not.toBe(first.id);
  });
});

describe('customers', () => {
  it('merge metadata key by key, and are shown as deleted when they are', async () => {
    const { stripe } = fixture;
    const { id } = await stripe.customers.create({ metadata: { a: '1', b: '2' } });
    const updated = await stripe.customers.update(id, { metadata: { a: '', c: '3' } });
    expect(updated.metadata).toEqual({ b: '2', c: '3' });
    await stripe.customers.del(id);
    expect(await stripe.customers.retrieve(id)).toMatchObject({ id, deleted: true });
    expect((await stripe.customers.list()).data).toEqual([]);
  });
});

describe('product features', () => {
  it('give active entitlements to whoever subscribes', async () => {
    const { stripe } = fixture;
    const feature = await stripe.entitlements.features.create({
      name: 'Export',
      lookup_key: 'export',
    });
    const subscription = await subscribe(fixture);
    const product = idOf(subscription.items.data[0]?.price.product);
    await stripe.products.createFeature(product, { entitlement_feature: feature.id });
    const attached = await stripe.products.listFeatures(product);
    expect(attached.data[0]?.entitlement_feature.lookup_key).toBe('export');
    const active = await stripe.entitlements.activeEntitlements.list({
      customer: idOf(subscription.customer),
    });
    expect(active.data.map(({ lookup_key: key }) => key)).toEqual(['export']);
  });
});

it('shows the account and keeps what it was asked', async () => {
  const { sandbox, stripe } = fixture;
  expect((await stripe.accounts.retrieveCurrent()).id).toBe('acct_sandbox');
  expect(sandbox.requests.at(-1)).toMatchObject({ method: 'GET', path: '/v1/account' });
});
