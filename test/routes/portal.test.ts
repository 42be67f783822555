import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { text, withoutRequestId } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let rival: { projectId: string; key: string };
const return_url = 'https://notes.example/account';

beforeAll(async () => {
  shop = await startShop();
  rival = await shop.service.createProject('rival', {
    redirect_origins: ['https://notes.example'],
  });
  await shop.buy('u_customer', 'pro');
  await shop.settle();
});
afterAll(() => shop.close());

function open(body: object, key = shop.key) {
  return shop.service.request('POST', '/portal/sessions', { key, body });
}

it('201: a link to the portal of the user’s own customer', async () => {
  const answer = await open({ user_id: 'u_customer', return_url });
  expect(answer.status).toBe(201);
  expect(text(answer.body, 'url')).toContain(shop.sandbox.url);
});

it('201: with the configuration of the project, if it has one', async () => {
  const create = vi.spyOn(shop.service.deps.stripe.billingPortal.sessions, 'create');
  const configure = (portal_configuration_id: string | null) =>
    shop.service.request('PATCH', '/admin/projects/notes', {
      key: shop.key,
      body: { settings: { portal_configuration_id } },
    });
  await configure('bpc_notes');
  await open({ user_id: 'u_customer', return_url });
  await configure(null);
  await open({ user_id: 'u_customer', return_url });
  const customer = await shop.customerOf('u_customer');
  expect(create.mock.calls.map(([params]) => params)).toEqual([
    { customer, return_url, configuration: 'bpc_notes' },
    { customer, return_url },
  ]);
  create.mockRestore();
});

it('502: Stripe refuses the configuration of the project, and the answer says where the reason is', async () => {
  const configure = (portal_configuration_id: string | null) =>
    shop.service.request('PATCH', '/admin/projects/notes', {
      key: shop.key,
      body: { settings: { portal_configuration_id } },
    });
  await configure('bpc_mistyped');
  const answer = await open({ user_id: 'u_customer', return_url });
  await configure(null);
  expect(answer).toMatchObject({ status: 502, body: { code: 'stripe_unavailable' } });
  expect(text(answer.body, 'detail')).toMatch(
    /^Stripe rejected the request, at `configuration`, and would reject it again\. Stripe's log of the request `req_\w+` \(dashboard, Developers\) shows the reason\.$/,
  );
});

it('201: of several customers the one that has what the user pays for, not that of an abandoned checkout', async () => {
  for (const buys of ['subscription', 'purchase'] as const) {
    const user = `u_moved_in_${buys}`;
    await shop.checkout(user, 'pass');
    const { id: linked } = await shop.stripe.customers.create();
    if (buys === 'subscription') {
      await shop.stripe.subscriptions.create({
        customer: linked,
        items: [{ price: shop.prices.pro }],
      });
    } else {
      const { id } = await shop.stripe.checkout.sessions.create({
        mode: 'payment',
        customer: linked,
        line_items: [{ price: shop.prices.forever, quantity: 1 }],
        success_url: 'https://elsewhere.example',
      });
      await shop.sandbox.buyer.pay(id);
    }
    const link = await shop.service.request('POST', `/admin/users/${user}/customers`, {
      key: shop.key,
      body: { stripe_customer_id: linked },
    });
    expect(link.status).toBe(200);
    const create = vi.spyOn(shop.service.deps.stripe.billingPortal.sessions, 'create');
    expect((await open({ user_id: user, return_url })).status).toBe(201);
    expect(
      create.mock.calls.map(([params]) => params?.customer),
      buys,
    ).toEqual([linked]);
    create.mockRestore();
    // The next checkout sells to the same one.
    const checkout = await shop.checkout(user, 'team');
    const session = await shop.stripe.checkout.sessions.retrieve(text(checkout.body, 'id'));
    expect(session.customer, buys).toBe(linked);
  }
});

describe('401 and 403', () => {
  it('no key, and a key that may only read', async () => {
    const { body: made } = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: shop.service.adminKey,
      body: { name: 'reader', scopes: ['read'] },
    });
    const body = { user_id: 'u_customer', return_url };
    expect(await shop.service.request('POST', '/portal/sessions', { body })).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
    expect(await open(body, text(made, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });
});

describe('404', () => {
  it('a user whose customer was deleted at Stripe, before we hear of it', async () => {
    await shop.checkout('u_deleted', 'pro');
    await shop.stripe.customers.del(await shop.customerOf('u_deleted'));
    expect(await open({ user_id: 'u_deleted', return_url })).toMatchObject({
      status: 404,
      body: { code: 'customer_not_found' },
    });
  });

  it('a user without a customer', async () => {
    expect(await open({ user_id: 'u_nobody', return_url })).toMatchObject({
      status: 404,
      body: { code: 'customer_not_found' },
    });
  });

  it("another project's user looks like an unknown one", async () => {
    const [theirs, nobody] = await Promise.all([
      open({ user_id: 'u_customer', return_url }, rival.key),
      open({ user_id: 'u_nobody', return_url }, rival.key),
    ]);
    expect(theirs.status).toBe(404);
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobody.body));
  });

  it('another project named looks like none', async () => {
    const [theirs, nobody] = await Promise.all(
      ['notes', 'nobody'].map((project_id) =>
        open({ project_id, user_id: 'u_customer', return_url }, rival.key),
      ),
    );
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(theirs?.body)).toEqual(withoutRequestId(nobody?.body));
  });
});

it('422: the way back must lie on an origin of the project', async () => {
  expect(await open({ user_id: 'u_customer', return_url: 'https://evil.example/' })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'return_url' }] },
  });
});

it('400: the platform key has to name the project', async () => {
  expect(await open({ user_id: 'u_customer', return_url }, shop.service.adminKey)).toMatchObject({
    status: 400,
    body: { code: 'project_id_required' },
  });
});

it('400 names what is not known', async () => {
  expect(await open({ user_id: 'u_customer', return_url, customer: 'cus_1' })).toMatchObject({
    status: 400,
    body: { errors: [{ path: 'customer' }] },
  });
});

it('502: Stripe is away', async () => {
  shop.sandbox.faults.api({ path: /\/v1\/billing_portal/, status: 500 });
  expect(await open({ user_id: 'u_customer', return_url })).toMatchObject({
    status: 502,
    body: { code: 'stripe_unavailable' },
  });
  shop.sandbox.faults.clear();
});

it('502, then 201 under the same Idempotency-Key: Stripe failed once, and repeats that for a day', async () => {
  const path = '/v1/billing_portal/sessions';
  shop.sandbox.faults.api({ path, method: 'POST', status: 500, begun: true, times: 1 });
  const statuses = [];
  for (let tries = 0; tries < 2; tries += 1) {
    const answer = await shop.service.request('POST', '/portal/sessions', {
      key: shop.key,
      body: { user_id: 'u_customer', return_url },
      headers: { 'idempotency-key': 'portal-again' },
    });
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([502, 201]);
});
