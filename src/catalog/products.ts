import { recordChange } from '../audit/record.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { ChangeContext } from './change.ts';
import { keptValue } from './core/kept-value.ts';
import { type FetchDeps, type FetchedProduct, fetchProduct } from './fetch.ts';
import { checkMapping, valuesOf } from './mapping.ts';
import type { ProductBody, ProductDto } from './schemas.ts';
import { applyFetched } from './store.ts';

const parts = {
  features: true,
  prices: { select: { id: true }, orderBy: { id: 'asc' } },
} as const;

type ProductParts = NonNullable<Awaited<ReturnType<typeof loadProduct>>>;

function loadProduct(tx: Tx, projectId: string, id: string) {
  return tx.product.findFirst({ where: { id, projectId }, include: parts });
}

/** Loads the project's products, ordered by id. */
export async function loadProducts(
  database: Database,
  projectId: string,
  page: { after: string | undefined; take: number },
): Promise<ProductDto[]> {
  const products = await database.prisma.product.findMany({
    where: { projectId, ...(page.after === undefined ? {} : { id: { gt: page.after } }) },
    include: parts,
    orderBy: { id: 'asc' },
    take: page.take,
  });
  return products.map(toProductDto);
}

/**
 * Fetches a product that the project owns or may add.
 *
 * @param byPlatform as in `putProduct`.
 * @throws ProblemError product_not_found, stripe_unavailable
 */
export async function fetchOwnProduct(
  deps: FetchDeps,
  projectId: string,
  id: string,
  byPlatform: boolean,
): Promise<FetchedProduct> {
  const stored = await deps.database.prisma.product.findUnique({
    where: { id },
    select: { projectId: true },
  });
  const owner = stored?.projectId ?? null;
  const fetched = await fetchProduct(deps, id, ({ claimedBy }) =>
    owner === null ? byPlatform || claimedBy === projectId : owner === projectId,
  );
  if (fetched === null) throw productNotFound(projectId, id, byPlatform, owner);
  return fetched;
}

/**
 * Adds a fetched product with its prices to the project, unless the project already has the product, and sets
 * the product's features. Fields left out of the body keep their values.
 *
 * @param byPlatform whether the caller is the platform, which may add any product that no project owns. A
 *   project may add only products with metadata that names it.
 * @throws ProblemError product_not_found (the project may not add the product), feature_not_found,
 *   bad_request
 */
export async function putProduct(
  tx: Tx,
  context: ChangeContext,
  fetched: FetchedProduct,
  byPlatform: boolean,
  body: ProductBody,
): Promise<ProductDto> {
  const { projectId } = context;
  const { id } = fetched.product;
  await applyFetched(tx, { ...fetched, products: [fetched.product] }, context.at);
  const stored = await loadProduct(tx, projectId, id);
  if (stored === null) {
    const added = await addProducts(tx, projectId, [id], byPlatform, context.at);
    if (added.length === 0) {
      const { projectId: owner } = await tx.product.findUniqueOrThrow({ where: { id } });
      throw productNotFound(projectId, id, byPlatform, owner);
    }
  }
  const allowMultiple = keptValue(body.allow_multiple, stored?.allowMultiple, false);
  const groupName = keptValue(body.group, stored?.groupName, null);
  if (allowMultiple && groupName !== null) {
    throw new ProblemError('bad_request', undefined, [
      {
        path: 'group',
        message:
          'must be left out while `allow_multiple` is `true`: a user has at most one subscription of a group',
      },
    ]);
  }
  await tx.product.update({
    where: { id },
    data: {
      rank: keptValue(body.rank, stored?.rank, 0),
      allowMultiple,
      groupName,
    },
  });
  if (body.features !== undefined) {
    const features = body.features ?? {};
    await checkMapping(tx, projectId, features, valuesOf(stored?.features ?? []));
    await tx.productFeature.deleteMany({ where: { productId: id } });
    await tx.productFeature.createMany({
      data: Object.entries(features).map(([featureCode, value]) => ({
        productId: id,
        projectId,
        featureCode,
        value,
      })),
    });
  }
  const owned = await loadProduct(tx, projectId, id);
  if (owned === null) throw new Error(`loadProduct returned no product ${id} after addProducts`);
  const after = toProductDto(owned);
  await recordChange(tx, {
    ...context,
    action: stored === null ? 'product.take' : 'product.update',
    targetType: 'product',
    targetId: id,
    ...(stored === null ? {} : { before: toProductDto(stored) }),
    after,
  });
  return after;
}

/**
 * Adds stored products to the project. Skips those that already belong to a project and, unless `byPlatform`,
 * those with metadata that does not name the project. If two projects add the same product, the row lock
 * decides.
 *
 * @returns the ids of the added products.
 */
export async function addProducts(
  tx: Tx,
  projectId: string,
  ids: string[],
  byPlatform: boolean,
  now: number,
): Promise<string[]> {
  const rows = await tx.product.updateManyAndReturn({
    where: { id: { in: ids }, projectId: null, ...(byPlatform ? {} : { claimedBy: projectId }) },
    data: { projectId, takenAt: new Date(now) },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

/**
 * Returns the problem for a product that the caller may not add. For a project's key, the problem does not
 * depend on whether the product exists or which project owns it.
 */
function productNotFound(
  projectId: string,
  id: string,
  byPlatform: boolean,
  owner: string | null,
): ProblemError {
  const message = !byPlatform
    ? `names no product that project \`${projectId}\` may add: set \`metadata.project_id\` of the product to \`${projectId}\` in Stripe first`
    : owner === null || owner === projectId
      ? "names no product of the Stripe account: copy the id from Stripe's dashboard, in the mode of the service's Stripe key"
      : `names a product of project \`${owner}\`: a product belongs to one project, so send \`project_id\`: \`${owner}\``;
  return notFound('product_not_found', 'stripe_product_id', id, message);
}

function toProductDto(product: ProductParts): ProductDto {
  return {
    id: product.id,
    name: product.name,
    description: product.description,
    active: product.active,
    rank: product.rank,
    allow_multiple: product.allowMultiple,
    group: product.groupName,
    features: valuesOf(product.features),
    price_ids: product.prices.map(({ id }) => id),
  };
}
