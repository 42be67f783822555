import Stripe from 'stripe';
import { z } from 'zod';
import type { Call } from './api.ts';
import { demoProducts, features, productNames, projectId } from './demo-catalog.ts';

const priceIdsSchema = z.record(z.enum(productNames), z.string());

/** The Stripe price id of each product. */
export type PriceIds = z.infer<typeof priceIdsSchema>;

export const keyShape = z.object({ key: z.string() });

export const keyCall: Call = {
  method: 'POST',
  path: `/api/v1/admin/projects/${projectId}/keys`,
  body: { name: 'demo app', scopes: ['read', 'checkout', 'admin'] },
};

/** Returns the call that creates the project with these redirect origins. */
export function createProjectCall(redirectOrigins: string[]): Call {
  return {
    method: 'POST',
    path: '/api/v1/admin/projects',
    body: { id: projectId, name: 'Demo', settings: { redirect_origins: redirectOrigins } },
  };
}

/** Creates missing products and prices in Stripe, as a seller does in the Dashboard. */
export async function createStripeCatalog(stripe: Stripe): Promise<PriceIds> {
  const ids: Partial<PriceIds> = {};
  for (const [name, product] of demoProducts) {
    await createProduct(stripe, product.id, product.name);
    const prices = await stripe.prices.list({ product: product.id, active: true, limit: 10 });
    const price =
      prices.data.find(({ unit_amount }) => unit_amount === product.unitAmount) ??
      (await stripe.prices.create({
        product: product.id,
        currency: 'usd',
        unit_amount: product.unitAmount,
        ...(product.paid === 'monthly' ? { recurring: { interval: 'month' } } : {}),
      }));
    ids[name] = price.id;
  }
  return priceIdsSchema.parse(ids);
}

async function createProduct(stripe: Stripe, id: string, name: string): Promise<void> {
  try {
    await stripe.products.retrieve(id);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError) || error.statusCode !== 404) {
      throw error;
    }
    await stripe.products.create({ id, name, metadata: { project_id: projectId } });
  }
}

/** Returns the calls that map the products to features. They are idempotent. */
export function catalogCalls(priceIds: PriceIds): Call[] {
  return [
    ...Object.entries(features).map(([code, feature]) =>
      put(`/api/v1/admin/features/${code}`, feature),
    ),
    ...demoProducts.map(([, product]) =>
      put(`/api/v1/admin/products/${product.id}`, {
        features: product.features,
        rank: product.rank,
      }),
    ),
    ...demoProducts.flatMap(([name, { paid }]) =>
      typeof paid === 'string'
        ? []
        : [put(`/api/v1/admin/prices/${priceIds[name]}`, { access_days: paid.accessDays })],
    ),
  ];
}

function put(path: string, body: object): Call {
  return { method: 'PUT', path, body: { project_id: projectId, ...body } };
}
