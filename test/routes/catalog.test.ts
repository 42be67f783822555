import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { auditOf } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import {
  adminKey,
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

beforeAll(async () => {
  stripe = await startStripeCatalog();
  service = await startTestService({ stripeUrl: stripe.url });
  notes = await service.createProject('notes');
  await service.createProject('other');
});
afterAll(async () => {
  await service.close();
  await stripe.close();
});

async function admin(method: 'PUT' | 'DELETE', path: string, body?: object): Promise<void> {
  const { status } = await service.request(method, `/admin${path}`, { key: notes.key, body });
  expect(status).toBe(200);
}

const runImport = (query = '', body: object | undefined = {}): Promise<TestResponse> =>
  service.request('POST', `/admin/catalog/import${query}`, { key: notes.key, body });

describe('POST /admin/catalog/import', () => {
  it('200: pulls products, prices and named features of the project, and only of it', async () => {
    await admin('PUT', '/features/seats', { name: 'Seats', type: 'limit' });
    await admin('PUT', '/features/plain', { name: 'Plain', type: 'boolean' });
    await admin('PUT', '/features/old', { name: 'Old', type: 'boolean' });
    await admin('DELETE', '/features/old');
    const project_id = 'notes';
    stripe.addProduct('prod_1', {
      metadata: { project_id, feature_codes: 'export, seats=5, plain=2, old, Not-A-Code' },
    });
    stripe.addProduct('prod_2', { metadata: { project_id }, active: false });
    stripe.addProduct('prod_3', { metadata: { project_id, feature_codes: 'seats' } });
    stripe.addProduct('prod_others', {
      metadata: { project_id: 'other', feature_codes: 'export' },
    });
    stripe.addProduct('prod_loose');
    stripe.addPrice('price_1', 'prod_1');
    stripe.addPrice('price_2', 'prod_1', { metadata: { feature_codes: 'seats=50,priority' } });
    stripe.addPrice('price_3', 'prod_2', { active: false });
    for (const lookupKey of ['export', 'sso', 'audit_log']) stripe.addFeature('prod_2', lookupKey);

    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await runImport();
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        product_ids: ['prod_1', 'prod_2', 'prod_3'],
        price_ids: ['price_1', 'price_2', 'price_3'],
        features_created: ['export', 'priority', 'sso', 'audit_log'],
        mapped: [
          { id: 'prod_1', feature_code: 'export', value: true },
          { id: 'prod_1', feature_code: 'seats', value: 5 },
          { id: 'price_2', feature_code: 'seats', value: 50 },
          { id: 'price_2', feature_code: 'priority', value: true },
          { id: 'prod_2', feature_code: 'export', value: true },
          { id: 'prod_2', feature_code: 'sso', value: true },
          { id: 'prod_2', feature_code: 'audit_log', value: true },
        ],
        skipped: [
          { id: 'prod_1', feature_code: 'plain', why: 'value_invalid' },
          { id: 'prod_1', feature_code: 'old', why: 'feature_archived' },
          { id: 'prod_1', feature_code: 'Not-A-Code', why: 'code_invalid' },
          { id: 'prod_3', feature_code: 'seats', why: 'value_required' },
        ],
        refresh: { status: 'done' },
      },
    });
    expect(rows).toMatchObject([{ action: 'catalog.import', targetId: 'notes' }]);
  });

  it('200: again, it maps nothing, and keeps what the project set itself', async () => {
    await admin('PUT', '/products/prod_1', { features: { export: true, seats: 8 }, rank: 3 });
    const answer = await runImport();
    expect(answer).toMatchObject({ status: 200, body: { features_created: [], mapped: [] } });
    const list = await service.request('GET', '/admin/products', { key: notes.key });
    expect(at(list.body, 'data', 0)).toMatchObject({
      id: 'prod_1',
      rank: 3,
      features: { export: true, seats: 8 },
    });
  });

  it('200: a dry run shows who would gain what, and takes nothing', async () => {
    stripe.addProduct('prod_4', { metadata: { project_id: 'notes', feature_codes: 'export' } });
    stripe.addPrice('price_4', 'prod_4');
    await storeSubscription(
      service.deps.database,
      { projectId: 'notes', userId: 'waiting' },
      { priceId: 'price_4', productId: 'prod_4' },
      testStart - 1_000,
    );
    const rows = await auditOf(service, async () => {
      expect(await runImport('?dry_run=true')).toMatchObject({
        status: 200,
        body: { gains: [{ user_id: 'waiting', feature_code: 'export' }], losses: [] },
      });
    });
    expect(rows).toEqual([]);
    expect(
      await service.deps.database.prisma.product.findUnique({ where: { id: 'prod_4' } }),
    ).toBeNull();
  });

  it('200: leaves a product that another project has, without saying whose', async () => {
    stripe.addProduct('prod_5', { metadata: { project_id: 'notes' } });
    await service.request('PUT', '/admin/products/prod_5', {
      key: adminKey,
      body: { project_id: 'other', features: {} },
    });
    const answer = await runImport();
    expect(at(answer.body, 'skipped')).toContainEqual({
      id: 'prod_5',
      feature_code: null,
      why: 'not_available',
    });
    expect(JSON.stringify(answer.body)).not.toContain('other');
  });

  it('200: needs no body', async () => {
    const answer = await service.request('POST', '/admin/catalog/import', { key: notes.key });
    expect(answer.status).toBe(200);
  });

  it('200: locks the project for as many queries as two products take, however many there are', async () => {
    const queriesFor = async (project: string, count: number): Promise<number> => {
      const { key } = await service.createProject(project);
      for (let index = 0; index < count; index += 1) {
        const id = `${project}_${index}`;
        const metadata = { project_id: project, feature_codes: `${project}_${index}, seats=2` };
        stripe.addProduct(id, { metadata });
        stripe.addPrice(`price_${id}`, id, { metadata: { feature_codes: 'rank=3' } });
      }
      const client = await service.deps.database.pool.connect();
      client.release();
      const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
      const answer = await service.request('POST', '/admin/catalog/import', { key, body: {} });
      // Each request to Stripe asks Postgres for its turn, before the project is locked.
      const own = query.mock.calls.filter(
        (call) => !JSON.stringify(call[0]).includes('take_stripe_request'),
      );
      query.mockRestore();
      expect(rowsOf(answer.body, 'product_ids')).toHaveLength(count);
      expect(rowsOf(answer.body, 'mapped')).toHaveLength(3 * count);
      return own.length;
    };
    const few = await queriesFor('few', 2);
    expect(few).toBeGreaterThan(10);
    expect(await queriesFor('many', 30)).toBe(few);
  });

  it('502: Stripe out of order changes nothing', async () => {
    stripe.fail(true);
    const rows = await auditOf(service, async () => {
      expect(await runImport()).toMatchObject({
        status: 502,
        body: { code: 'stripe_unavailable' },
      });
    });
    stripe.fail(false);
    expect(rows).toEqual([]);
  });
});

describe('GET /catalog', () => {
  it('200: active products, prices and features for a key that may read, its own project only', async () => {
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'page', scopes: ['read'] },
    });
    stripe.addPrice('price_off', 'prod_1', { active: false });
    await admin('PUT', '/products/prod_1', { features: { export: true, seats: 8 }, rank: 3 });
    const answer = await service.request('GET', '/catalog', { key: text(made.body, 'key') });
    expect(answer).toMatchObject({ status: 200, body: { project_id: 'notes' } });
    const products = rowsOf(answer.body, 'products');
    // By rank; the inactive prod_2 and what others have are not shown.
    expect(products.map((row) => at(row, 'id'))).toEqual(['prod_3', 'prod_4', 'prod_1']);
    expect(products.at(-1)).toMatchObject({
      features: { export: true, seats: 8 },
      prices: [
        { id: 'price_1', features: { export: true, seats: 8 }, unit_amount: 900, currency: 'usd' },
        { id: 'price_2', features: { export: true, priority: true, seats: 50 } },
      ],
    });
    const features = at(answer.body, 'features');
    expect(JSON.stringify(features)).toContain('"feature_code":"sso"');
    expect(JSON.stringify(features)).not.toContain('"feature_code":"old"');
  });

  it("404: another project's catalog is one that does not exist", async () => {
    expect(
      await service.request('GET', '/catalog?project_id=other', { key: notes.key }),
    ).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
  });

  it('400: the platform key must name the project; 401 without a key', async () => {
    expect(await service.request('GET', '/catalog', { key: adminKey })).toMatchObject({
      status: 400,
      body: { code: 'project_id_required' },
    });
    expect(await service.request('GET', '/catalog')).toMatchObject({ status: 401 });
  });
});
