import type { Tx } from '../../platform/database.ts';
import type {
  BillingInterval,
  CarryFact,
  CatalogFacts,
  Facts,
  FeatureValue,
} from '../core/facts.ts';
import { featureType } from '../feature-value.ts';
import { policyOf } from '../policy.ts';
import { loadUserFacts } from './load-user-facts.ts';

/** A sold price, and its product at the time of sale. */
export interface Sold {
  priceId: string;
  productId: string;
}

/**
 * Loads all facts of users of one project, in a fixed number of queries. To get consistent facts, the caller
 * must hold the locks of the project and of the users.
 */
export async function loadFacts(
  tx: Tx,
  projectId: string,
  uids: bigint[],
): Promise<Map<bigint, Facts>> {
  const ofUsers = await loadUserFacts(tx, uids);
  const sold = [...ofUsers.values()].flatMap(({ subscriptions, purchases }) => [
    ...subscriptions.flatMap(({ items }) => items),
    ...purchases,
  ]);
  const catalog = await loadCatalog(tx, projectId, sold);
  return new Map([...ofUsers].map(([uid, facts]) => [uid, { ...catalog, ...facts }]));
}

/** Loads the facts that all users of a project share. Includes only the prices in `sold`. */
export async function loadCatalog(tx: Tx, projectId: string, sold: Sold[]): Promise<CatalogFacts> {
  const project = await tx.project.findUniqueOrThrow({
    where: { id: projectId },
    include: { features: true },
  });
  return {
    policy: policyOf(project),
    features: project.features.map(({ code, type, merge, perQuantity }) => ({
      code,
      type: featureType(type),
      merge: oneOf(merge, ['max', 'sum']),
      perQuantity,
    })),
    carries: await loadCarries(tx, projectId, sold),
  };
}

/**
 * Loads the features of those sold prices that belong to the project's products. Features mapped to a price
 * override those of its product.
 */
async function loadCarries(
  tx: Tx,
  projectId: string,
  sold: Sold[],
): Promise<Record<string, CarryFact>> {
  if (sold.length === 0) return {};
  const products = await tx.product.findMany({
    where: { projectId, id: { in: [...new Set(sold.map(({ productId }) => productId))] } },
    include: { features: true },
  });
  const prices = await tx.price.findMany({
    where: { id: { in: [...new Set(sold.map(({ priceId }) => priceId))] } },
    include: { features: { where: { projectId } } },
  });
  const productById = new Map(products.map((product) => [product.id, product]));
  const priceById = new Map(prices.map((price) => [price.id, price]));
  const carries: Record<string, CarryFact> = {};
  for (const { priceId, productId } of sold) {
    const product = productById.get(productId);
    if (product === undefined) continue;
    const price = priceById.get(priceId);
    carries[priceId] = {
      priceId,
      productId,
      rank: price?.rank ?? product.rank,
      accessDays: price?.accessDays ?? null,
      interval: intervalOf(price),
      features: Object.fromEntries(
        [...product.features, ...(price?.features ?? [])].map(({ featureCode, value }) => [
          featureCode,
          value as FeatureValue, // a JSON column
        ]),
      ),
    };
  }
  return carries;
}

/** Returns the billing interval of a price; null for a one-time or unknown price. */
function intervalOf(
  price: { interval: string | null; intervalCount: number | null } | undefined,
): BillingInterval | null {
  const { interval = null, intervalCount = null } = price ?? {};
  if (interval === null) return null;
  return { unit: oneOf(interval, ['day', 'week', 'month', 'year']), count: intervalCount ?? 1 };
}

/** Narrows a column's value to one of those that the database allows. */
function oneOf<const T extends string>(value: string, values: readonly T[]): T {
  const found = values.find((candidate) => candidate === value);
  if (found === undefined)
    throw new Error(
      `the database contains '${value}' where one of ${values.join(', ')} is expected`,
    );
  return found;
}
