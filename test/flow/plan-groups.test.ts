import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import type { TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* `pro` and `team` are plans of the group `main`; one-time prices belong to no group. */

let shop: Shop;

beforeAll(async () => {
  shop = await startShop();
  for (const price of ['pro', 'team'] as const) await putGroup(price, 'main');
});
afterAll(() => shop.close());

async function productOf(price: 'pro' | 'team' | 'pass'): Promise<string> {
  const { product } = await shop.stripe.prices.retrieve(shop.prices[price]);
  return typeof product === 'string' ? product : product.id;
}

async function putGroup(
  price: 'pro' | 'team',
  group: string | null,
  more: object = {},
): Promise<TestResponse> {
  const path = `/admin/products/${await productOf(price)}`;
  return shop.service.request('PUT', path, { key: shop.key, body: { group, ...more } });
}

async function subscriber(userId: string): Promise<string> {
  await shop.buy(userId, 'pro');
  await shop.settle();
  return (await shop.subscriptionOf(userId)).id;
}

describe('a checkout', () => {
  it('of another plan of the group is refused, with the subscription to change', async () => {
    const subscription = await subscriber('u_second');
    const refused = await shop.checkout('u_second', 'team');
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed', subscription_id: subscription },
    });
    expect(text(refused.body, 'detail')).toContain(`\`${subscription}\``);
    expect(text(refused.body, 'detail')).toContain('POST /api/v1/subscriptions/{id}/change');
  });

  it('of two plans of one group is refused', async () => {
    const refused = await shop.checkout('u_two', 'pro', 'team');
    expect(refused).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(at(refused.body, 'errors', 0, 'path')).toBe('line_items[1].price_id');
  });

  it('of one plan expires the open checkout of another', async () => {
    const first = await shop.checkout('u_open', 'pro');
    const second = await shop.checkout('u_open', 'team');
    expect([first.status, second.status]).toEqual([201, 201]);
    const { status } = await shop.stripe.checkout.sessions.retrieve(text(first.body, 'id'));
    expect(status).toBe('expired');
  });

  it('of a one-time price is possible beside a plan', async () => {
    await subscriber('u_beside');
    expect((await shop.checkout('u_beside', 'pass')).status).toBe(201);
  });

  it('is possible once the subscription has ended', async () => {
    const subscription = await subscriber('u_ended');
    await shop.stripe.subscriptions.cancel(subscription);
    await shop.settle();
    expect((await shop.checkout('u_ended', 'team')).status).toBe(201);
  });
});

describe('a group', () => {
  it('keeps its value if it is left out, is removed by null, and excludes allow_multiple', async () => {
    const path = `/admin/products/${await productOf('team')}`;
    const put = (body: object) => shop.service.request('PUT', path, { key: shop.key, body });
    expect((await put({})).body).toMatchObject({ group: 'main', allow_multiple: false });
    expect(await put({ allow_multiple: true })).toMatchObject({
      status: 400,
      body: { code: 'bad_request', errors: [{ path: 'group' }] },
    });
    expect((await put({ group: null, allow_multiple: true })).body).toMatchObject({
      ...{ group: null, allow_multiple: true },
    });
    expect((await put({ group: 'main', allow_multiple: false })).body).toMatchObject({
      group: 'main',
    });
  });
});

describe('two live subscriptions of a group, made in Stripe', () => {
  it('are reported by each reconciliation until one ends, and never changed', async () => {
    const first = await subscriber('u_double');
    const customer = await shop.customerOf('u_double');
    await shop.advanceTo(shop.service.clock.now() + 1_000);
    const { id: second } = await shop.stripe.subscriptions.create({
      customer,
      items: [{ price: shop.prices.team }],
    });
    await shop.settle();
    const run = await reconcile(shop.service, { userId: 'u_double', projectId: shop.projectId });
    expect(run.findings).toEqual(['double_subscription subscription reported']);
    const found = await shop.service.request(
      'GET',
      `/admin/reconciliations/${run.id}/findings?type=double_subscription`,
      { key: shop.key },
    );
    expect(at(found.body, 'data', 0)).toMatchObject({
      object: { type: 'subscription', id: second },
      local: { group: 'main', subscriptions: `${second}, ${first}` },
      effect: { users: [{ user_id: 'u_double', gains: [], losses: [] }] },
    });
    expect((await reconcile(shop.service)).findings).toEqual([
      'double_subscription subscription reported',
    ]);
    await shop.stripe.subscriptions.cancel(second);
    await shop.settle();
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });
});
