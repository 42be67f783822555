import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadSellablePrice } from '../../src/catalog/store.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import {
  startTestService,
  testStart,
  type TestResponse,
  type TestService,
} from '../helpers/service.ts';
import { startStripeCatalog, type StripeCatalog } from '../helpers/stripe-catalog.ts';
import { storeSubscription } from '../helpers/subscription.ts';

let stripe: StripeCatalog;
let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

beforeAll(async () => {
  stripe = await startStripeCatalog();
  service = await startTestService({ stripeUrl: stripe.url });
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  stripe.addProduct('prod_pro', { metadata: { project_id: 'notes' } });
  stripe.addPrice('price_month', 'prod_pro');
  stripe.addPrice('price_year', 'prod_pro');
  stripe.addPrice('price_once', 'prod_pro', { type: 'one_time', recurring: null });
  stripe.addPrice('price_retired', 'prod_pro', { active: false });
  for (const [code, type] of [
    ['export', 'boolean'],
    ['seats', 'limit'],
  ] as const) {
    await service.request('PUT', `/admin/features/${code}`, {
      key: notes.key,
      body: { name: code, type },
    });
  }
  const taken = await service.request('PUT', '/admin/products/prod_pro', {
    key: notes.key,
    body: { features: { seats: 3 }, rank: 4 },
  });
  expect(taken.status).toBe(200);
});
afterAll(async () => {
  await service.close();
  await stripe.close();
});

const put = (id: string, body: object, key = notes.key, query = ''): Promise<TestResponse> =>
  service.request('PUT', `/admin/prices/${id}${query}`, { key, body });

describe('PUT /admin/prices/{stripe_price_id}', () => {
  it('200: says what it carries beside its product, with one audit row; its subscribers see it at once', async () => {
    await storeSubscription(
      service.deps.database,
      { projectId: 'notes', userId: 'yearly' },
      { priceId: 'price_year', productId: 'prod_pro' },
      testStart - 1_000,
    );
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await put('price_year', { features: { seats: 10, export: true }, rank: 9 });
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        id: 'price_year',
        product_id: 'prod_pro',
        features: { export: true, seats: 10 },
        rank: 9,
        access_days: null,
        unit_amount: 900,
        unit_amount_decimal: '900',
        interval: 'month',
        refresh: { users: 1, status: 'done' },
      },
    });
    expect(rows).toMatchObject([
      {
        action: 'price.update',
        targetId: 'price_year',
        before: { features: {}, rank: null },
        after: { features: { export: true, seats: 10 }, rank: 9 },
      },
    ]);
    const read = await service.request('GET', '/entitlements?user_id=yearly', { key: notes.key });
    expect(at(read.body, 'entitlements')).toMatchObject([
      { feature_code: 'export', value: true },
      { feature_code: 'seats', value: 10 },
    ]);
  });

  it('200: what is left out keeps its value, and null sets it back', async () => {
    const all = { features: { export: true }, access_days: 30, rank: 1 };
    await put('price_once', all);
    expect(await put('price_once', {})).toMatchObject({ status: 200, body: all });
    for (const [field, initial] of [
      ['features', {}],
      ['access_days', null],
      ['rank', null],
    ] as const) {
      await put('price_once', all);
      const answer = await put('price_once', { [field]: null });
      expect(answer).toMatchObject({ status: 200, body: { ...all, [field]: initial } });
    }
    await put('price_once', { features: null, access_days: null, rank: null });
  });

  it('200: a price that Stripe has had for a moment only', async () => {
    stripe.addPrice('price_fresh', 'prod_pro', { nickname: 'Fresh' });
    expect(await put('price_fresh', { features: { export: true } })).toMatchObject({
      status: 200,
      body: { nickname: 'Fresh', features: { export: true } },
    });
  });

  it('200: a dry run shows the impact and changes nothing', async () => {
    const answer = await put('price_year', { features: {} }, notes.key, '?dry_run=true');
    expect(answer).toMatchObject({
      status: 200,
      body: { gains: [], losses: [{ user_id: 'yearly', feature_code: 'export' }] },
    });
    const list = await service.request('GET', '/admin/prices', { key: notes.key });
    expect(JSON.stringify(list.body)).toContain('"seats":10');
  });

  it.each([
    ['features.export', { features: { export: 0 } }],
    ['features.seats', { features: { seats: -1 } }],
    ['access_days', { access_days: 0 }],
    ['access_days', { access_days: 1.5 }],
    ['access_days', { access_days: 30 }],
    ['amount', { amount: 1 }],
  ])('400 names %s, and nothing is recorded: %j', async (path, body) => {
    const rows = await auditOf(service, async () => {
      expect(await put('price_month', body)).toMatchObject({
        status: 400,
        body: { code: 'bad_request', errors: [{ path }] },
      });
    });
    expect(rows).toEqual([]);
  });

  it('404: an unknown feature, by its path', async () => {
    expect(await put('price_month', { features: { nothing: true } })).toMatchObject({
      status: 404,
      body: { code: 'feature_not_found', errors: [{ path: 'features.nothing' }] },
    });
  });

  it('404: a price of another project, of none, or that does not exist: all alike', async () => {
    stripe.addProduct('prod_loose');
    stripe.addPrice('price_loose', 'prod_loose');
    const answers = [
      await put('price_missing', {}, other.key),
      await put('price_month', {}, other.key),
      await put('price_loose', {}, other.key),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'price_not_found' } });
      expect(sameProblem(answer.body)).toEqual(sameProblem(answers[0]?.body));
    }
  });

  it('404: and each costs the same requests to Stripe and the same queries', async () => {
    const costOf = async (id: string) => {
      const client = await service.deps.database.pool.connect();
      client.release();
      const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
      const { length } = stripe.requests;
      expect((await put(id, {}, other.key)).status).toBe(404);
      const queries = query.mock.calls.length;
      query.mockRestore();
      return { queries, requests: stripe.requests.length - length };
    };
    const unknown = await costOf('price_missing');
    expect(unknown.requests).toBe(1);
    expect(await costOf('price_month')).toEqual(unknown);
    expect(await costOf('price_loose')).toEqual(unknown);
  });

  it('409: the type of a feature that a price carries stays', async () => {
    const say = (type: string) =>
      service.request('PUT', '/admin/features/carried', {
        key: notes.key,
        body: { name: 'carried', type },
      });
    await say('boolean');
    expect((await put('price_retired', { features: { carried: true } })).status).toBe(200);
    expect(await say('limit')).toMatchObject({ status: 409, body: { code: 'feature_in_use' } });
  });

  it('502: while Stripe is out of order they are alike too; the price that the project has needs no Stripe', async () => {
    stripe.fail(true);
    const answers = [
      await put('price_missing', {}, other.key),
      await put('price_month', {}, other.key),
      await put('price_loose', {}, other.key),
    ];
    const own = await put('price_month', {});
    stripe.fail(false);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 502, body: { code: 'stripe_unavailable' } });
    }
    expect(own.status).toBe(200);
  });
});

describe('GET /admin/prices', () => {
  it("200: lists the prices of the project's products by id, and nothing of another", async () => {
    const ids = async (key: string): Promise<unknown[]> => {
      const { body } = await service.request('GET', '/admin/prices?limit=100', { key });
      return rowsOf(body).map((row) => at(row, 'id'));
    };
    expect(await ids(notes.key)).toEqual([
      'price_fresh',
      'price_month',
      'price_once',
      'price_retired',
      'price_year',
    ]);
    expect(await ids(other.key)).toEqual([]);
  });
});

describe('loadSellablePrice', () => {
  const load = (id: string, project = 'notes'): Promise<unknown> =>
    loadSellablePrice(service.deps.database, project, id, 'price_id');
  const refusal = (code: string): unknown => expect.objectContaining({ code });

  it('reads what a checkout needs: the features of price and product, each once', async () => {
    expect(await load('price_year')).toEqual({
      priceId: 'price_year',
      productId: 'prod_pro',
      type: 'recurring',
      allowMultiple: false,
      group: null,
      featureCodes: ['export', 'seats'],
    });
    expect(await load('price_once')).toMatchObject({ type: 'one_time', featureCodes: ['seats'] });
  });

  it('refuses a price of no project or of another as one that does not exist', async () => {
    await expect(load('price_year', 'other')).rejects.toThrow(refusal('price_not_found'));
    await expect(load('price_missing')).rejects.toThrow(refusal('price_not_found'));
  });

  it('refuses a price that is not for sale, because of itself or its product', async () => {
    await expect(load('price_retired')).rejects.toThrow(refusal('price_inactive'));
    const { product } = service.deps.database.prisma;
    await product.update({ where: { id: 'prod_pro' }, data: { active: false } });
    await expect(load('price_year')).rejects.toThrow(refusal('price_inactive'));
    await product.update({ where: { id: 'prod_pro' }, data: { active: true } });
  });
});
