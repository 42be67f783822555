import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { App } from '../../src/http/app-types.ts';
import { text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * `pro` and `team` are plans of one group. A user who subscribes to something else changes that subscription into
 * the group, and buys a plan of the group at the same time.
 */

let shop: Shop;
let secondInstance: App;
let extra: string;

beforeAll(async () => {
  shop = await startShop();
  secondInstance = await buildApp(shop.service.deps);
  for (const price of ['pro', 'team'] as const) {
    const { product } = await shop.stripe.prices.retrieve(shop.prices[price]);
    const path = `/admin/products/${typeof product === 'string' ? product : product.id}`;
    await shop.service.request('PUT', path, { key: shop.key, body: { group: 'main' } });
  }
  const price = await shop.stripe.prices.create({
    currency: 'usd',
    unit_amount: 100,
    recurring: { interval: 'month' },
    product_data: { name: 'Extra' },
  });
  extra = price.id;
});
afterAll(async () => {
  await secondInstance.close();
  await shop.close();
});

/** Subscribes a user to a product without a group. Returns the subscription's id. */
async function subscribe(user: string): Promise<string> {
  const metadata = { project_id: shop.projectId, user_id: user };
  const customer = await shop.stripe.customers.create({ metadata });
  const { id } = await shop.stripe.subscriptions.create({
    customer: customer.id,
    metadata,
    items: [{ price: extra }],
  });
  await shop.settle();
  return id;
}

function changeToTeam(user: string, id: string, when: 'now' | 'period_end' = 'now') {
  return shop.service.request('POST', `/subscriptions/${id}/change`, {
    key: shop.key,
    body: { user_id: user, price_id: shop.prices.team, when },
  });
}

function checkoutOnSecondInstance(user: string, price_id: string) {
  return secondInstance.inject({
    method: 'POST',
    url: '/api/v1/checkout/sessions',
    headers: { authorization: `Bearer ${shop.key}` },
    payload: {
      user_id: user,
      price_id,
      success_url: 'https://notes.example/ok',
      cancel_url: 'https://notes.example/no',
    },
  });
}

/** Pays all sessions of a user that can be paid, and returns the user's live plans of the group. */
async function plansAfterPaying(user: string): Promise<string[]> {
  const { data: sessions } = await shop.stripe.checkout.sessions.list({ limit: 100 });
  for (const { id, status, metadata } of sessions) {
    if (status === 'open' && metadata?.['user_id'] === user) await shop.sandbox.buyer.pay(id);
  }
  await shop.settle();
  const { data } = await shop.stripe.subscriptions.list({ limit: 100 });
  return data
    .filter(({ metadata }) => metadata['user_id'] === user)
    .flatMap(({ items }) => items.data.map(({ price }) => price.id))
    .filter((price) => price !== extra);
}

describe('a user gets one plan of a group', () => {
  it('from two checkouts on two instances, all of which are paid', async () => {
    await Promise.all([
      shop.checkout('u_checkouts', 'pro'),
      checkoutOnSecondInstance('u_checkouts', shop.prices.team),
    ]);
    expect(await plansAfterPaying('u_checkouts')).toHaveLength(1);
  });

  it('from a change that is made while a checkout is open', async () => {
    const id = await subscribe('u_open');
    expect((await shop.checkout('u_open', 'pro')).status).toBe(201);
    expect((await changeToTeam('u_open', id)).status).toBe(200);
    expect(await plansAfterPaying('u_open')).toEqual([shop.prices.team]);
  });

  it('from a checkout that was paid before the change, and whose webhook has not arrived', async () => {
    const id = await subscribe('u_paid');
    await shop.buy('u_paid', 'pro');
    expect(await changeToTeam('u_paid', id)).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
    expect(await plansAfterPaying('u_paid')).toEqual([shop.prices.pro]);
  });

  it('from a checkout that another instance opens while Stripe makes the change', async () => {
    const id = await subscribe('u_during');
    const { subscriptions } = shop.service.deps.stripe;
    const update = subscriptions.update.bind(subscriptions);
    const opens = vi.spyOn(subscriptions, 'update').mockImplementationOnce(async (...args) => {
      const opened = await checkoutOnSecondInstance('u_during', shop.prices.pro);
      expect(opened.statusCode).toBe(201);
      return update(...args);
    });
    expect((await changeToTeam('u_during', id)).status).toBe(200);
    opens.mockRestore();
    expect(await plansAfterPaying('u_during')).toEqual([shop.prices.team]);
  });

  it('from a change and a checkout at once, whichever comes first', async () => {
    for (const round of [1, 2, 3]) {
      const user = `u_race_${round}`;
      const id = await subscribe(user);
      await Promise.all([changeToTeam(user, id), checkoutOnSecondInstance(user, shop.prices.pro)]);
      expect(await plansAfterPaying(user)).toHaveLength(1);
    }
  });
});

describe('a change to a plan of a group that is still to come', () => {
  /** The other ways to a plan of the group. */
  async function refusals(user: string) {
    const metadata = { project_id: shop.projectId, user_id: user };
    const customer = await shop.customerOf(user);
    const other = await shop.stripe.subscriptions.create({
      ...{ customer, metadata, items: [{ price: extra }] },
    });
    await shop.settle();
    return [await shop.checkout(user, 'pro'), await changeToTeam(user, other.id)];
  }

  it('at the end of the period, closes open checkouts and refuses other plans until it is taken back', async () => {
    const id = await subscribe('u_scheduled');
    const open = await shop.checkout('u_scheduled', 'pro');
    expect((await changeToTeam('u_scheduled', id, 'period_end')).status).toBe(200);
    const { status } = await shop.stripe.checkout.sessions.retrieve(text(open.body, 'id'));
    expect(status).toBe('expired');
    for (const refused of await refusals('u_scheduled')) {
      expect(refused).toMatchObject({
        status: 409,
        body: { code: 'already_subscribed', subscription_id: id },
      });
    }
    const body = { user_id: 'u_scheduled' };
    await shop.service.request('POST', `/subscriptions/${id}/resume`, { key: shop.key, body });
    expect((await shop.checkout('u_scheduled', 'pro')).status).toBe(201);
  });

  it('once its invoice is paid, refuses other plans', async () => {
    const id = await subscribe('u_pending');
    await shop.sandbox.billing.failNextPayments(await shop.customerOf('u_pending'), true);
    expect(await changeToTeam('u_pending', id)).toMatchObject({
      body: { payment: 'action_required' },
    });
    await shop.sandbox.billing.failNextPayments(await shop.customerOf('u_pending'), false);
    for (const refused of await refusals('u_pending')) {
      expect(refused).toMatchObject({
        status: 409,
        body: { code: 'already_subscribed', subscription_id: id },
      });
    }
  });
});

it('a change that leaves the group alone closes no checkout of it', async () => {
  const id = await subscribe('u_quantity');
  const { body } = await shop.checkout('u_quantity', 'pro');
  const changed = await shop.service.request('POST', `/subscriptions/${id}/change`, {
    key: shop.key,
    body: { user_id: 'u_quantity', quantity: 2, when: 'now' },
  });
  expect(changed.status).toBe(200);
  const { status } = await shop.stripe.checkout.sessions.retrieve(text(body, 'id'));
  expect(status).toBe('open');
});
