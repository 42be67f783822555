import { z } from 'zod';
import { openStripe } from '../platform/stripe.ts';
import { type Api, ask, bodyOf, send } from './api.ts';
import { demoProducts, projectId } from './demo-catalog.ts';
import type { Secrets } from './home.ts';
import {
  catalogCalls,
  createProjectCall,
  createStripeCatalog,
  keyCall,
  keyShape,
  type PriceIds,
} from './seed.ts';

const anything = z.unknown();

const projectShape = z.object({
  settings: z.object({ redirect_origins: z.array(z.string()) }),
});

const pricingShape = z.object({ products: z.array(z.object({ id: z.string() })) });

/**
 * Creates the demo project, its key and its catalog if they are missing, through the APIs of the service and
 * the sandbox. Does not overwrite later changes.
 */
export async function seedDemo(
  at: { serviceUrl: string; sandboxUrl: string },
  appUrl: string,
  secrets: Secrets,
): Promise<{ projectKey: string; priceIds: PriceIds }> {
  const admin: Api = { serviceUrl: at.serviceUrl, key: secrets.adminKey };
  const stripe = openStripe({ secretKey: secrets.stripeKey, apiBase: at.sandboxUrl });
  await ensureProject(admin, [new URL(at.serviceUrl).origin, appUrl]);
  const priceIds = await createStripeCatalog(stripe);
  const projectKey = await ensureKey(admin, secrets.projectKey);
  const { products } = await ask(
    { serviceUrl: at.serviceUrl, key: projectKey },
    { method: 'GET', path: '/api/v1/catalog' },
    { status: 200, shape: pricingShape },
  );
  const mapped = new Set(products.map(({ id }) => id));
  if (!demoProducts.every(([, { id }]) => mapped.has(id))) {
    for (const call of catalogCalls(priceIds)) {
      await ask(admin, call, { status: 200, shape: anything });
    }
  }
  return { projectKey, priceIds };
}

/**
 * Creates the project, or adds the redirect origins of this start, because ports can differ between starts. Keeps
 * the origins that the project already has.
 */
async function ensureProject(admin: Api, origins: string[]): Promise<void> {
  const create = createProjectCall(origins);
  const answer = await send(admin, create);
  if (answer.status !== 409) {
    bodyOf(create, answer, { status: 201, shape: anything });
    return;
  }
  const path = `/api/v1/admin/projects/${projectId}`;
  const found = await ask(admin, { method: 'GET', path }, { status: 200, shape: projectShape });
  const kept = found.settings.redirect_origins;
  const missing = origins.filter((origin) => !kept.includes(origin));
  if (missing.length === 0) return;
  const body = { settings: { redirect_origins: [...kept, ...missing] } };
  await ask(admin, { method: 'PATCH', path, body }, { status: 200, shape: anything });
}

/** Returns the last start's key if it is still valid, otherwise a new one. */
async function ensureKey(admin: Api, former: string | null): Promise<string> {
  if (former !== null) {
    const call = { method: 'GET', path: '/api/v1/catalog' } as const;
    const { status } = await send({ ...admin, key: former }, call);
    if (status === 200) return former;
  }
  return (await ask(admin, keyCall, { status: 201, shape: keyShape })).key;
}
