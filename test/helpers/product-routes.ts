import { at } from './json.ts';
import { rowsOf } from './lists.ts';
import type { TestResponse } from './service.ts';
import { startStripeCatalog, type StripeCatalog } from './stripe-catalog.ts';
import { startTwoProjects, type TwoProjects } from './two-projects.ts';

/** Two projects on a stand-in for Stripe's catalog, with the requests of product tests. */
export interface ProductRoutes extends TwoProjects {
  stripe: StripeCatalog;
  /** Sets a product, by default as `notes` and without features. */
  put: (id: string, body: object, key?: string, query?: string) => Promise<TestResponse>;
  /** Returns the codes of the features that a user of `notes` may use now. */
  entitled: (userId: string) => Promise<unknown[]>;
  close: () => Promise<void>;
}

export async function startProductRoutes(): Promise<ProductRoutes> {
  const stripe = await startStripeCatalog();
  const projects = await startTwoProjects(
    { export: 'boolean', seats: 'limit', theme: 'config' },
    { stripeUrl: stripe.url },
  );
  const { service, notes } = projects;
  return {
    ...projects,
    stripe,
    put: (id, body, key = notes.key, query = '') =>
      service.request('PUT', `/admin/products/${id}${query}`, {
        key,
        body: { features: {}, ...body },
      }),
    async entitled(userId) {
      const { body } = await service.request('GET', `/entitlements?user_id=${userId}`, {
        key: notes.key,
      });
      return rowsOf(body, 'entitlements').map((row) => at(row, 'feature_code'));
    },
    async close() {
      await service.close();
      await stripe.close();
    },
  };
}
