import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at } from '../helpers/json.ts';
import { testStart, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;

const day = 86_400_000;
const iso = (instant: number) => new Date(instant).toISOString();

const send = (method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<TestResponse> =>
  shop.service.request(method, path, { key: shop.key, ...(body === undefined ? {} : { body }) });

const grant = (userId: string, value: unknown, more: object = {}): Promise<TestResponse> =>
  send('POST', '/admin/grant', {
    ...{ user_id: userId, feature_code: 'credits', value, reason: 'a test' },
    ...more,
  });

beforeAll(async () => {
  shop = await startShop();
  const made = await send('PUT', '/admin/features/credits', {
    ...{ name: 'Credits', type: 'metered', unit: 'credits', per_quantity: true },
  });
  expect(made).toMatchObject({
    status: 200,
    body: { type: 'metered', unit: 'credits', overage: 'deny', per_quantity: true },
  });
});
afterAll(() => shop.close());

describe('PUT /admin/features/{feature_code}', () => {
  it('400: a unit and an overage are for metered features only', async () => {
    const bad = await send('PUT', '/admin/features/plain', {
      ...{ name: 'Plain', type: 'limit', unit: 'credits', overage: 'allow' },
    });
    expect(bad.status).toBe(400);
    expect(at(bad.body, 'errors')).toMatchObject([{ path: 'unit' }, { path: 'overage' }]);
  });

  it('200: the billing meter is stored, shown, kept by a later PUT, and taken away by null', async () => {
    const meter = { event_name: 'api_calls', report: 'overage' };
    const put = (more: object) =>
      send('PUT', '/admin/features/calls', { name: 'Calls', type: 'metered', ...more });
    expect((await put({})).body).toMatchObject({ stripe_meter: null });
    expect((await put({ stripe_meter: meter })).body).toMatchObject({ stripe_meter: meter });
    expect((await put({})).body).toMatchObject({ stripe_meter: meter });
    const { body } = await send('GET', '/admin/features?limit=100');
    expect(at(body, 'data')).toContainEqual(
      expect.objectContaining({ feature_code: 'calls', stripe_meter: meter }),
    );
    expect((await put({ stripe_meter: null })).body).toMatchObject({ stripe_meter: null });
  });

  it('422: only a metered feature reports to a billing meter', async () => {
    const bad = await send('PUT', '/admin/features/plain', {
      ...{ name: 'Plain', type: 'limit' },
      stripe_meter: { event_name: 'api_calls', report: 'all' },
    });
    expect(bad).toMatchObject({ status: 422, body: { code: 'feature_not_metered' } });
    expect(at(bad.body, 'errors')).toMatchObject([{ path: 'stripe_meter' }]);
  });

  it.each([
    [{ event_name: '', report: 'all' }],
    [{ event_name: 'x'.repeat(101), report: 'all' }],
    [{ event_name: 'api_calls', report: 'some' }],
    [{ event_name: 'api_calls' }],
  ])('400: %j is no billing meter', async (meter) => {
    const bad = await send('PUT', '/admin/features/calls', {
      ...{ name: 'Calls', type: 'metered', stripe_meter: meter },
    });
    expect(bad.status).toBe(400);
  });

  it('200: a later PUT keeps what it leaves out', async () => {
    await send('PUT', '/admin/features/minutes', {
      ...{ name: 'Minutes', type: 'metered', unit: 'minutes', overage: 'allow' },
    });
    const again = await send('PUT', '/admin/features/minutes', { name: 'M', type: 'metered' });
    expect(again.body).toMatchObject({ name: 'M', unit: 'minutes', overage: 'allow' });
  });
});

describe('an allowance', () => {
  it.each([
    [{ amount: 0 }],
    [{ amount: 1.5 }],
    [{ amount: 5, every: 'hour' }],
    [{ amount: 5, rollover: { max: 5, periods: 1 } }],
    [{ amount: 5, every: 'month', rollover: { max: 5, periods: 13 } }],
    [{ amount: 5, more: true }],
    [5],
    [true],
  ])('400: %j is not one', async (value) => {
    const bad = await grant('u_bad', value);
    expect(bad.status).toBe(400);
    expect(at(bad.body, 'errors')).toMatchObject([{ path: 'value' }]);
  });

  it('422: a grant has no billing period', async () => {
    const bad = await grant('u_bad', { amount: 5, every: 'period' });
    expect(bad).toMatchObject({ status: 422, body: { code: 'period_not_allowed' } });
  });

  it('is in the answer with its source while it counts, and not before or after', async () => {
    const until = testStart + 10 * day;
    await grant('u_1', { amount: 5, every: 'day' }, { valid_to: iso(until) });
    const later = await grant('u_1', { amount: 100 }, { valid_from: iso(testStart + 5 * day) });
    const read = async (instant: number) => {
      const query = `/entitlements?user_id=u_1&at=${iso(instant)}`;
      const { body } = await send('GET', query);
      return at(body, 'entitlements');
    };
    const daily = { amount: 5, every: 'day', source: { type: 'grant' } };
    const once = {
      ...{ amount: 100, every: null },
      source: { type: 'grant', id: at(later.body, 'grant', 'id') },
    };
    expect(await read(testStart)).toMatchObject([
      { feature_code: 'credits', type: 'metered', value: { allowances: [daily] } },
    ]);
    expect(at(await read(testStart + 5 * day), 0, 'value', 'allowances')).toHaveLength(2);
    expect(await read(until)).toMatchObject([
      { value: { allowances: [once] }, valid_from: iso(until), valid_to: null },
    ]);
  });

  it('is the same in the cached answer, in check, history, the page of the user and the list of users', async () => {
    await grant('u_2', { amount: 7, every: 'month' });
    const value = { allowances: [{ amount: 7, every: 'month' }] };
    for (let time = 0; time < 2; time += 1) {
      expect((await send('GET', '/entitlements?user_id=u_2')).body).toMatchObject({
        entitlements: [{ value }],
      });
    }
    expect(
      (await send('GET', '/entitlements/check?user_id=u_2&feature_code=credits')).body,
    ).toMatchObject({ allowed: true, value });
    const { body: history } = await send('GET', '/entitlements/history?user_id=u_2');
    expect(at(history, 'data', 0)).toMatchObject({
      ...{ type: 'metered', value, sources: [{ type: 'grant' }] },
    });
    const { body: page } = await send('GET', '/admin/users/u_2');
    expect(JSON.stringify(page)).toContain(
      JSON.stringify({ amount: 7, every: 'month' }).slice(1, -1),
    );
    const { body } = await send('GET', '/features/credits/users');
    expect(at(body, 'data')).toMatchObject([{ user_id: 'u_1' }, { user_id: 'u_2', value }]);
    expect(
      (await send('GET', '/entitlements/explain?user_id=u_2&feature_code=credits')).body,
    ).toMatchObject({ allowed: true, rule: 'allowances', sources: [{ why: 'counts' }] });
  });

  it('is multiplied by the quantity, and is a change of the answer where its amount changes', async () => {
    await send('PUT', `/admin/prices/${shop.prices.pro}`, {
      features: { credits: { amount: 500, every: 'period', rollover: { max: 100, periods: 1 } } },
    });
    await shop.buy('u_3', 'pro');
    await shop.settle();
    const before = await shop.entitled('u_3');
    expect(before).toMatchObject({ credits: { allowances: [{ amount: 500, every: 'period' }] } });
    const { id } = await shop.subscriptionOf('u_3');
    const item = (await shop.stripe.subscriptions.retrieve(id)).items.data[0];
    await shop.stripe.subscriptionItems.update(item?.id ?? '', { quantity: 3 });
    await shop.settle();
    expect(await shop.entitled('u_3')).toMatchObject({
      credits: { allowances: [{ amount: 1500, every: 'period' }] },
    });
    const dryRun = await send('PUT', `/admin/prices/${shop.prices.pro}?dry_run=true`, {
      features: { credits: { amount: 600, every: 'period' } },
    });
    expect(dryRun.body).toMatchObject({
      changed: [{ user_id: 'u_3', feature_code: 'credits' }],
      counts: { changed: 1, gains: 0, losses: 0 },
    });
    const { body } = await send('GET', '/changes?after=start&user_id=u_3');
    expect(at(body, 'data')).toMatchObject([
      { gained: expect.arrayContaining(['credits']) as string[] },
      { changed: ['credits'] },
    ]);
  });

  it('of a purchase runs beside those of others of its price; `unlimited` wins', async () => {
    await send('PUT', `/admin/prices/${shop.prices.pass}`, {
      features: { credits: { amount: 100 } },
      access_days: 30,
    });
    await shop.buy('u_4', 'pass');
    await shop.settle();
    await shop.buy('u_4', 'pass');
    await shop.settle();
    expect(await shop.entitled('u_4')).toMatchObject({
      credits: {
        allowances: [
          { amount: 100, every: null },
          { amount: 100, every: null },
        ],
      },
    });
    await grant('u_4', 'unlimited');
    expect(await shop.entitled('u_4')).toMatchObject({ credits: 'unlimited' });
  });
});
