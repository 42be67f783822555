import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { UpdateCatalogDeps } from '../entitlements/refresh/update-catalog.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { listQuery, listResponse, loadPage, projectIdSchema } from '../http/schemas.ts';
import type { Tx } from '../platform/database.ts';
import { type ChangeContext, changeOrTry } from './change.ts';
import { archiveFeature, loadFeatures, putFeature } from './features.ts';
import { fetchCatalog, type FetchDeps } from './fetch.ts';
import { importCatalog } from './import.ts';
import { fetchNewPrice, loadPrices, putPrice } from './prices.ts';
import { loadPricing } from './pricing-page.ts';
import { fetchOwnProduct, loadProducts, putProduct } from './products.ts';
import { featureBody, featureOut, featureParams } from './feature-schemas.ts';
import * as shapes from './schemas.ts';

type CatalogRouteDeps = UpdateCatalogDeps & FetchDeps & { access: ProjectAccess };

const tags = ['Catalog'];
const auth = { auth: 'admin' } as const;
/** The config of routes that recompute the project's users. Dry runs recompute them too. */
const heavy = { ...auth, cost: heavyCost } as const;
const ofProject = z.strictObject({ project_id: projectIdSchema.optional() });
const ofList = ofProject.extend(listQuery);

/** Registers the routes for the catalog: features, products, prices and their mappings. */
export function catalogRoutes(app: App, deps: CatalogRouteDeps): void {
  async function contextOf(
    request: FastifyRequest,
    given: string | undefined,
  ): Promise<ChangeContext> {
    return { ...(await deps.access.operatorOf(request, given)), at: deps.clock() };
  }

  app.get(
    '/api/v1/catalog',
    {
      config: { auth: 'read' },
      schema: {
        tags,
        summary: 'List active products, prices and features, for a pricing page',
        querystring: ofProject,
        response: { 200: shapes.pricingOut },
      },
    },
    async (request) => {
      const { projectId } = await contextOf(request, request.query.project_id);
      return loadPricing(deps.database, projectId);
    },
  );

  app.get(
    '/api/v1/admin/features',
    {
      config: auth,
      schema: {
        tags,
        summary: 'List features, including archived ones, ordered by code',
        querystring: ofList,
        response: { 200: listResponse(featureOut) },
      },
    },
    async (request) => {
      const projectId = await deps.access.projectOf(request, request.query.project_id);
      return loadPage(
        request.query,
        (range) => loadFeatures(deps.database, projectId, range),
        ({ feature_code: code }) => code,
      );
    },
  );

  app.put(
    '/api/v1/admin/features/:feature_code',
    {
      config: { ...heavy, problems: ['feature_in_use', 'feature_not_metered'] },
      schema: {
        tags,
        summary:
          'Create or change a feature. Fields left out keep their values. An archived feature becomes active.',
        params: featureParams,
        querystring: shapes.putQuery,
        body: featureBody,
        response: { 200: shapes.changedSchema(featureOut) },
      },
    },
    async (request) => {
      const context = await contextOf(request, request.body.project_id);
      return changeOrTry(deps, context.projectId, isDryRun(request.query), (tx) =>
        putFeature(tx, context, request.params.feature_code, request.body),
      );
    },
  );

  app.delete(
    '/api/v1/admin/features/:feature_code',
    {
      config: { ...heavy, problems: ['feature_not_found'] },
      schema: {
        tags,
        summary:
          'Archive a feature: it can no longer be mapped or granted, and users who have it keep it',
        params: featureParams,
        querystring: shapes.deleteQuery,
        response: { 200: shapes.changedSchema(featureOut) },
      },
    },
    async (request) => {
      const context = await contextOf(request, request.query.project_id);
      return changeOrTry(deps, context.projectId, isDryRun(request.query), (tx) =>
        archiveFeature(tx, context, request.params.feature_code),
      );
    },
  );

  app.get(
    '/api/v1/admin/products',
    {
      config: auth,
      schema: {
        tags,
        summary: "List the project's products, ordered by id",
        querystring: ofList,
        response: { 200: listResponse(shapes.productOut) },
      },
    },
    async (request) => {
      const projectId = await deps.access.projectOf(request, request.query.project_id);
      return loadPage(
        request.query,
        (range) => loadProducts(deps.database, projectId, range),
        ({ id }) => id,
      );
    },
  );

  app.put(
    '/api/v1/admin/products/:stripe_product_id',
    {
      config: {
        ...heavy,
        problems: ['product_not_found', 'feature_not_found', 'stripe_unavailable'],
      },
      schema: {
        tags,
        summary:
          "Add a Stripe product and its prices to the project, and set the product's features",
        params: shapes.productParams,
        querystring: shapes.putQuery,
        body: shapes.productBody,
        response: { 200: shapes.changedSchema(shapes.productOut) },
      },
    },
    async (request) => {
      const { body } = request;
      const context = await contextOf(request, body.project_id);
      const byPlatform = callerOf(request).projectId === null;
      const id = request.params.stripe_product_id;
      const fetched = await fetchOwnProduct(deps, context.projectId, id, byPlatform);
      return changeOrTry(deps, context.projectId, isDryRun(request.query), (tx) =>
        putProduct(tx, context, fetched, byPlatform, body),
      );
    },
  );

  app.get(
    '/api/v1/admin/prices',
    {
      config: auth,
      schema: {
        tags,
        summary: "List the prices of the project's products, ordered by id",
        querystring: ofList,
        response: { 200: listResponse(shapes.priceOut) },
      },
    },
    async (request) => {
      const projectId = await deps.access.projectOf(request, request.query.project_id);
      return loadPage(
        request.query,
        (range) => loadPrices(deps.database, projectId, range),
        ({ id }) => id,
      );
    },
  );

  app.put(
    '/api/v1/admin/prices/:stripe_price_id',
    {
      config: {
        ...heavy,
        problems: ['price_not_found', 'feature_not_found', 'stripe_unavailable'],
      },
      schema: {
        tags,
        summary: "Set a price's own features, its rank and the duration of a purchase",
        params: shapes.priceParams,
        querystring: shapes.putQuery,
        body: shapes.priceBody,
        response: { 200: shapes.changedSchema(shapes.priceOut) },
      },
    },
    async (request) => {
      const { body } = request;
      const context = await contextOf(request, body.project_id);
      const id = request.params.stripe_price_id;
      const fetched = await fetchNewPrice(deps, context.projectId, id);
      return changeOrTry(deps, context.projectId, isDryRun(request.query), (tx) =>
        putPrice(tx, context, id, fetched, body),
      );
    },
  );

  app.post(
    '/api/v1/admin/catalog/import',
    {
      config: { ...heavy, problems: ['stripe_unavailable'] },
      schema: {
        tags,
        summary:
          "Import the project's products, prices and features from Stripe, without changing or removing existing ones",
        querystring: shapes.putQuery,
        body: shapes.importBody,
        response: { 200: shapes.changedSchema(shapes.importOut) },
      },
    },
    async (request, reply) => {
      const context = await contextOf(request, request.body?.project_id);
      const fetched = await fetchCatalog(deps, context.projectId);
      const write = (tx: Tx) => importCatalog(tx, context, fetched);
      const dryRun = isDryRun(request.query);
      return changeOrTry(deps, context.projectId, dryRun, write, answerKeeper(reply));
    },
  );
}

function isDryRun({ dry_run: dryRun }: { dry_run: 'true' | 'false' }): boolean {
  return dryRun === 'true';
}
