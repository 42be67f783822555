import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at } from '../helpers/json.ts';
import { type ProductRoutes, startProductRoutes } from '../helpers/product-routes.ts';
import { adminKey, testStart, type TestResponse, type TestService } from '../helpers/service.ts';
import { storeSubscription } from '../helpers/subscription.ts';
import { putFeature } from '../helpers/two-projects.ts';

let routes: ProductRoutes;
let stripe: ProductRoutes['stripe'];
let service: TestService;
let notes: ProductRoutes['notes'];
let other: ProductRoutes['other'];
let put: ProductRoutes['put'];
let entitled: ProductRoutes['entitled'];

beforeAll(async () => {
  routes = await startProductRoutes();
  ({ stripe, service, notes, other, put, entitled } = routes);
});
afterAll(() => routes.close());

const claimed = { metadata: { project_id: 'notes' } };

describe('PUT /admin/products/{stripe_product_id}', () => {
  it('200: takes the product with its name and all of its prices from Stripe, with one audit row', async () => {
    stripe.addProduct('prod_pro', { name: 'Pro', description: 'For teams', ...claimed });
    for (const price of ['price_a', 'price_b', 'price_c', 'price_d', 'price_e']) {
      stripe.addPrice(price, 'prod_pro', { active: price !== 'price_b' });
    }
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await put('prod_pro', {
        features: { export: true, seats: 5, theme: { dark: false } },
        rank: 2,
        allow_multiple: true,
      });
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        id: 'prod_pro',
        name: 'Pro',
        description: 'For teams',
        active: true,
        rank: 2,
        allow_multiple: true,
        features: { export: true, seats: 5, theme: { dark: false } },
        price_ids: ['price_a', 'price_b', 'price_c', 'price_d', 'price_e'],
        refresh: { status: 'done' },
      },
    });
    expect(rows).toMatchObject([
      { action: 'product.take', targetId: 'prod_pro', before: null, after: { rank: 2 } },
    ]);
    expect(
      await service.deps.database.prisma.price.findUnique({ where: { id: 'price_b' } }),
    ).toMatchObject({
      productId: 'prod_pro',
      active: false,
      currency: 'usd',
      unitAmount: 900n,
      unitAmountDecimal: '900',
      type: 'recurring',
      interval: 'month',
      intervalCount: 1,
      usageType: 'licensed',
    });
  });

  it('200: replaces what it carried, and its subscribers see it at once', async () => {
    stripe.addProduct('prod_live', claimed);
    stripe.addPrice('price_live', 'prod_live');
    await put('prod_live', { features: { export: true } });
    await storeSubscription(
      service.deps.database,
      { projectId: 'notes', userId: 'subscriber' },
      { priceId: 'price_live', productId: 'prod_live' },
      testStart - 1_000,
    );
    const rows = await auditOf(service, () => put('prod_live', { features: { seats: 3 } }));
    expect(rows).toMatchObject([
      {
        action: 'product.update',
        before: { features: { export: true } },
        after: { features: { seats: 3 } },
      },
    ]);
    expect(await entitled('subscriber')).toEqual(['seats']);
  });

  it('200: what is left out keeps its value, and null sets it back', async () => {
    stripe.addProduct('prod_kept', claimed);
    const say = (body: object): Promise<TestResponse> =>
      service.request('PUT', '/admin/products/prod_kept', { key: notes.key, body });
    const all = { features: { seats: 10 }, rank: 3, allow_multiple: true };
    expect(await say({})).toMatchObject({
      status: 200,
      body: { features: {}, rank: 0, allow_multiple: false },
    });
    await say(all);
    expect(await say({})).toMatchObject({ status: 200, body: all });
    for (const [field, initial] of [
      ['features', {}],
      ['rank', 0],
      ['allow_multiple', false],
    ] as const) {
      await say(all);
      const answer = await say({ [field]: null });
      expect(answer).toMatchObject({ status: 200, body: { ...all, [field]: initial } });
    }
  });

  it('200: the platform key takes any product that no project has', async () => {
    stripe.addProduct('prod_unclaimed');
    expect(await put('prod_unclaimed', { project_id: 'notes' }, adminKey)).toMatchObject({
      status: 200,
    });
    // Taken, it is the project's to change.
    expect(await put('prod_unclaimed', { rank: 1 })).toMatchObject({
      status: 200,
      body: { rank: 1 },
    });
  });

  it('200: an archived feature stays mapped, and cannot be mapped elsewhere', async () => {
    await putFeature(service, notes.key, 'fading', 'boolean');
    stripe.addProduct('prod_old', claimed);
    stripe.addProduct('prod_new', claimed);
    await put('prod_old', { features: { fading: true } });
    await service.request('DELETE', '/admin/features/fading', { key: notes.key });
    expect(await put('prod_old', { features: { fading: true, export: true } })).toMatchObject({
      status: 200,
    });
    expect(await put('prod_new', { features: { fading: true } })).toMatchObject({
      status: 404,
      body: { code: 'feature_not_found', errors: [{ path: 'features.fading' }] },
    });
  });

  it('200: news of the product that came during the fetch is not overwritten by what was fetched', async () => {
    stripe.addProduct('prod_raced', { name: 'Old name', ...claimed });
    await put('prod_raced', {});
    stripe.beforeNextAnswer(async () => {
      stripe.addProduct('prod_raced', { name: 'New name', ...claimed });
      const { prisma, pool } = service.deps.database;
      await pool.query(
        "update followed_objects set fetched = next_number() where object_id = 'prod_raced'",
      );
      await prisma.product.update({ where: { id: 'prod_raced' }, data: { name: 'New name' } });
    });
    const answer = await put('prod_raced', { rank: 7 });
    expect(answer).toMatchObject({ status: 200, body: { name: 'New name', rank: 7 } });
  });

  it.each([
    ['features.export', { features: { export: false } }],
    ['features.export', { features: { export: 1 } }],
    ['features.seats', { features: { seats: 0 } }],
    ['features.seats', { features: { seats: 'lots' } }],
    ['features.theme', { features: { theme: null } }],
    ['features.theme', { features: { theme: false } }],
    ['rank', { rank: 1.5 }],
    ['allow_multiple', { allow_multiple: 'yes' }],
    ['name', { name: 'Mine' }],
  ])('400 names %s, and nothing is taken or recorded: %j', async (path, body) => {
    stripe.addProduct('prod_faulty', claimed);
    const rows = await auditOf(service, async () => {
      const answer = await put('prod_faulty', body);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'bad_request', errors: [{ path }] },
      });
    });
    expect(rows).toEqual([]);
    expect(
      await service.deps.database.prisma.product.findUnique({ where: { id: 'prod_faulty' } }),
    ).toBeNull();
  });

  it('404: an unknown feature, by its path', async () => {
    stripe.addProduct('prod_unknown', claimed);
    expect(await put('prod_unknown', { features: { export: true, nothing: true } })).toMatchObject({
      status: 404,
      body: { code: 'feature_not_found', errors: [{ path: 'features.nothing' }] },
    });
  });

  it('404: a product that Stripe does not know, names another project or none, or that another project has: all alike', async () => {
    stripe.addProduct('prod_theirs', { metadata: { project_id: 'other' } });
    stripe.addProduct('prod_nobodys');
    stripe.addProduct('prod_taken', claimed);
    await put('prod_taken', { project_id: 'other' }, adminKey);
    const answers = await Promise.all(
      ['prod_missing', 'prod_theirs', 'prod_nobodys', 'prod_taken'].map((id) => put(id, {})),
    );
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'product_not_found' } });
      expect(sameProblem(answer.body)).toEqual(sameProblem(answers[0]?.body));
    }
    // Nor does the platform key move a product from one project to another.
    expect(await put('prod_taken', { project_id: 'notes' }, adminKey)).toMatchObject({
      status: 404,
      body: { code: 'product_not_found' },
    });
  });

  it('404: a product that another project takes during the fetch stays with it', async () => {
    const { prisma } = service.deps.database;
    stripe.addProduct('prod_snatched');
    stripe.beforeNextAnswer(async () => {
      const taken = { projectId: 'other', takenAt: new Date(testStart) };
      await prisma.product.create({
        data: { ...taken, id: 'prod_snatched', name: 'Theirs', active: true },
      });
    });
    expect(await put('prod_snatched', { project_id: 'notes' }, adminKey)).toMatchObject({
      status: 404,
      body: { code: 'product_not_found' },
    });
    const stored = await prisma.product.findUnique({ where: { id: 'prod_snatched' } });
    expect(stored?.projectId).toBe('other');
  });

  it('404: two projects that take one product at once: one has it', async () => {
    stripe.addProduct('prod_contested');
    const answers = await Promise.all(
      ['notes', 'other'].map((project_id) => put('prod_contested', { project_id }, adminKey)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
  });

  it('409: the type of a feature that a product carries stays', async () => {
    await putFeature(service, notes.key, 'carried', 'boolean');
    stripe.addProduct('prod_carrier', claimed);
    await put('prod_carrier', { features: { carried: true } });
    const answer = await service.request('PUT', '/admin/features/carried', {
      key: notes.key,
      body: { name: 'carried', type: 'limit' },
    });
    expect(answer).toMatchObject({ status: 409, body: { code: 'feature_in_use' } });
  });

  it('502: Stripe out of order changes nothing', async () => {
    stripe.fail(true);
    const rows = await auditOf(service, async () => {
      expect(await put('prod_pro', { rank: 9 })).toMatchObject({
        status: 502,
        body: { code: 'stripe_unavailable' },
      });
    });
    stripe.fail(false);
    expect(rows).toEqual([]);
  });
});

describe('GET /admin/products', () => {
  it('200: lists what the project has taken, by id, and nothing of another', async () => {
    const list = async (key: string, query = ''): Promise<unknown> =>
      at((await service.request('GET', `/admin/products${query}`, { key })).body, 'data');
    stripe.addProduct('prod_others', { metadata: { project_id: 'other' } });
    await put('prod_others', {}, other.key);
    const mine = await list(notes.key, '?limit=100');
    const theirs = await list(other.key, '?limit=100');
    const stored = await service.deps.database.prisma.product.findMany({
      where: { projectId: 'notes' },
      orderBy: { id: 'asc' },
    });
    expect(mine).toMatchObject(stored.map(({ id, name }) => ({ id, name })));
    expect(JSON.stringify(theirs)).toContain('prod_others');
    expect(JSON.stringify(mine)).not.toContain('prod_others');
  });
});
