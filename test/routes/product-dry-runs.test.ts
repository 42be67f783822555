import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../helpers/audit.ts';
import { type ProductRoutes, startProductRoutes } from '../helpers/product-routes.ts';
import { storePurchase } from '../helpers/purchase.ts';
import { testStart, type TestService } from '../helpers/service.ts';
import { storeSubscription } from '../helpers/subscription.ts';

let routes: ProductRoutes;
let stripe: ProductRoutes['stripe'];
let service: TestService;
let notes: ProductRoutes['notes'];
let put: ProductRoutes['put'];
let entitled: ProductRoutes['entitled'];

beforeAll(async () => {
  routes = await startProductRoutes();
  ({ stripe, service, notes, put, entitled } = routes);
});
afterAll(() => routes.close());

const claimed = { metadata: { project_id: 'notes' } };

describe('PUT /admin/products/{stripe_product_id}?dry_run=true', () => {
  it('200: a dry run shows who would gain and lose what, and changes nothing', async () => {
    stripe.addProduct('prod_dry', claimed);
    stripe.addPrice('price_dry', 'prod_dry');
    const bought = { priceId: 'price_dry', productId: 'prod_dry' };
    for (const userId of ['dry_1', 'dry_2', 'dry_3']) {
      const user = { projectId: 'notes', userId };
      await storeSubscription(service.deps.database, user, bought, testStart - 1_000);
    }
    await put('prod_dry', { features: { export: true } });
    await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: { user_id: 'dry_2', feature_code: 'export', reason: 'kept by a grant' },
    });
    const body = { features: { seats: 3 } };
    const rows = await auditOf(service, async () => {
      const answer = await put('prod_dry', body, notes.key, '?dry_run=true');
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        gains: ['dry_1', 'dry_2', 'dry_3'].map((user_id) => ({ user_id, feature_code: 'seats' })),
        losses: ['dry_1', 'dry_3'].map((user_id) => ({ user_id, feature_code: 'export' })),
        raised: [],
        lowered: [],
        changed: [],
        counts: {
          users: expect.any(Number) as number,
          gains: 3,
          losses: 2,
          raised: 0,
          lowered: 0,
          changed: 0,
        },
      });
    });
    expect(rows).toEqual([]);
    expect(await entitled('dry_1')).toEqual(['export']);
    await put('prod_dry', body);
    expect(await entitled('dry_1')).toEqual(['seats']);
    expect(await entitled('dry_2')).toEqual(['export', 'seats']);
  });

  it('200: a dry run shows whose limit would rise or fall, and whose config would change', async () => {
    stripe.addProduct('prod_values', claimed);
    stripe.addPrice('price_values', 'prod_values');
    await storeSubscription(
      service.deps.database,
      { projectId: 'notes', userId: 'valued' },
      { priceId: 'price_values', productId: 'prod_values' },
      testStart - 1_000,
    );
    const dryRun = async (features: object): Promise<unknown> =>
      (await put('prod_values', { features }, notes.key, '?dry_run=true')).body;
    await put('prod_values', { features: { seats: 10, theme: 'dark' } });
    const seats = { user_id: 'valued', feature_code: 'seats', from: 10 };
    const counts = { gains: 0, losses: 0 };
    expect(await dryRun({ seats: 3, theme: 'dark' })).toMatchObject({
      lowered: [{ ...seats, to: 3 }],
      counts: { ...counts, raised: 0, lowered: 1, changed: 0 },
    });
    expect(await dryRun({ seats: 'unlimited', theme: 'light' })).toMatchObject({
      raised: [{ ...seats, to: 'unlimited' }],
      changed: [{ user_id: 'valued', feature_code: 'theme', from: 'dark', to: 'light' }],
      counts: { ...counts, raised: 1, lowered: 0, changed: 1 },
    });
    await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: { user_id: 'valued', feature_code: 'seats', value: 10, reason: 'as good as bought' },
    });
    expect(await dryRun({ seats: 3, theme: 'dark' })).toMatchObject({ lowered: [] });
  });

  it('200: a dry run shows what buyers of a one-time price would lose', async () => {
    stripe.addProduct('prod_once', claimed);
    stripe.addPrice('price_once', 'prod_once', { type: 'one_time', recurring: null });
    await put('prod_once', { features: { export: true } });
    await storePurchase(
      service.deps.database,
      { projectId: 'notes', userId: 'once_buyer' },
      { priceId: 'price_once', productId: 'prod_once' },
      testStart - 1_000,
    );
    expect((await put('prod_once', {}, notes.key, '?dry_run=true')).body).toMatchObject({
      losses: [{ user_id: 'once_buyer', feature_code: 'export' }],
      counts: { gains: 0, losses: 1 },
    });
  });

  it('200: dry runs beside changes of the same product, which all are done', async () => {
    stripe.addProduct('prod_busy', claimed);
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        put('prod_busy', { rank: index }, notes.key, index % 2 === 0 ? '' : '?dry_run=true'),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it('200: a dry run takes no product', async () => {
    stripe.addProduct('prod_untaken', claimed);
    expect(await put('prod_untaken', {}, notes.key, '?dry_run=true')).toMatchObject({
      status: 200,
    });
    expect(
      await service.deps.database.prisma.product.findUnique({ where: { id: 'prod_untaken' } }),
    ).toBeNull();
  });
});
