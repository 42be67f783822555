import type { RouteSamples } from '../route-sample.ts';

const boolean = { name: 'A sample', type: 'boolean' };

/** The catalog. */
export const catalogSamples: RouteSamples = {
  'GET /api/v1/admin/features': { ask: () => ({}) },
  'PUT /api/v1/admin/features/{feature_code}': {
    make: (world) => Promise.resolve({ feature: world.fresh() }),
    ask: ({ feature }) => ({ params: { feature_code: feature }, body: boolean }),
    problems: {
      feature_not_metered: ({ ids }) => ({
        params: { feature_code: ids.feature },
        body: { ...boolean, stripe_meter: { event_name: 'credits', report: 'all' } },
      }),
      feature_in_use: ({ ids }) => ({
        params: { feature_code: ids.feature },
        body: { name: 'Another', type: 'limit' },
      }),
    },
  },
  'DELETE /api/v1/admin/features/{feature_code}': {
    make: async (world) => {
      const feature = world.fresh();
      await world.done('PUT', `/admin/features/${feature}`, boolean);
      return { feature };
    },
    ask: ({ feature }) => ({ params: { feature_code: feature } }),
  },
  'GET /api/v1/admin/products': { ask: () => ({}) },
  'PUT /api/v1/admin/products/{stripe_product_id}': {
    ask: ({ product }) => ({
      params: { stripe_product_id: product },
      body: { features: {}, rank: 1 },
    }),
    problems: {
      feature_not_found: ({ ids }) => ({
        params: { stripe_product_id: ids.product },
        body: { features: { nothing: true } },
      }),
    },
  },
  'GET /api/v1/admin/prices': { ask: () => ({}) },
  'PUT /api/v1/admin/prices/{stripe_price_id}': {
    ask: ({ price }) => ({ params: { stripe_price_id: price }, body: { rank: 1 } }),
    problems: {
      feature_not_found: ({ ids }) => ({
        params: { stripe_price_id: ids.price },
        body: { features: { nothing: true } },
      }),
      // Only a price that is not known yet is fetched.
      stripe_unavailable: ({ withoutStripe }) => ({
        params: { stripe_price_id: 'price_not_seen_yet' },
        body: {},
        at: withoutStripe,
      }),
    },
  },
  'POST /api/v1/admin/catalog/import': { ask: () => ({ body: {} }) },
};
