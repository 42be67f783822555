import { ProblemError } from '../http/problem.ts';
import type { Database, Tx } from '../platform/database.ts';
import { type Fetched, markFetched, objectKey } from '../webhook/followed.ts';
import type { DeletedRow, PriceRow, ProductRow } from './from-stripe.ts';

/**
 * Writes what Stripe says of a product; a new one belongs to no project. What a project set on it
 * (and that it took it) stays. A deleted product that we never saw is not kept.
 */
export async function applyProduct(tx: Tx, row: ProductRow | DeletedRow): Promise<void> {
  if (row.deleted) {
    await tx.product.updateMany({ where: { id: row.id }, data: { deleted: true, active: false } });
    return;
  }
  await tx.product.upsert({ where: { id: row.id }, create: row, update: row });
}

/** Writes what Stripe says of a price, whose product is already stored. What a project set on it stays. */
export async function applyPrice(tx: Tx, row: PriceRow | DeletedRow): Promise<void> {
  if (row.deleted) {
    await tx.price.updateMany({ where: { id: row.id }, data: { deleted: true, active: false } });
    return;
  }
  await tx.price.upsert({ where: { id: row.id }, create: row, update: row });
}

/**
 * Writes products and prices that were fetched after `number` was drawn, each only where no later
 * fetch was written meanwhile: the follower of webhooks writes the same rows.
 */
export async function applyFetched(
  tx: Tx,
  fetched: { number: bigint; products: ProductRow[]; prices: PriceRow[] },
  now: number,
): Promise<void> {
  const { number, products, prices } = fetched;
  const refOf = (objectType: 'product' | 'price', { id }: { id: string }): Fetched => ({
    objectType,
    objectId: id,
    outcome: 'applied',
  });
  const newest = await markFetched(
    tx,
    [...products.map((row) => refOf('product', row)), ...prices.map((row) => refOf('price', row))],
    number,
    now,
  );
  for (const row of products) {
    if (newest.has(objectKey(refOf('product', row)))) await applyProduct(tx, row);
  }
  for (const row of prices) {
    if (newest.has(objectKey(refOf('price', row)))) await applyPrice(tx, row);
  }
}

/** A price that may be sold now. */
export interface SellablePrice {
  priceId: string;
  productId: string;
  type: 'recurring' | 'one_time';
  /** Whether one user may hold several subscriptions to the product. */
  allowMultiple: boolean;
  /** What it carries, its product's features included; sorted. */
  featureCodes: string[];
}

/**
 * Reads a price of the project's catalog for a checkout; a price belongs to the project that took its
 * product.
 * @throws ProblemError price_not_found (of no project or of another), price_inactive
 */
export async function loadSellablePrice(
  database: Database,
  projectId: string,
  priceId: string,
): Promise<SellablePrice> {
  const price = await database.prisma.price.findFirst({
    where: { id: priceId, product: { projectId } },
    include: { features: true, product: { include: { features: true } } },
  });
  if (price === null) throw new ProblemError('price_not_found');
  const { product } = price;
  const forSale = price.active && !price.deleted && product.active && !product.deleted;
  if (!forSale || (price.type !== 'recurring' && price.type !== 'one_time')) {
    throw new ProblemError('price_inactive');
  }
  const carried = [...product.features, ...price.features];
  return {
    priceId,
    productId: product.id,
    type: price.type,
    allowMultiple: product.allowMultiple,
    featureCodes: [...new Set(carried.map(({ featureCode }) => featureCode))].sort(),
  };
}
