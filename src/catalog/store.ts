import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { SyncedType } from '../webhook/core/events.ts';
import { objectKey, refsTo } from '../webhook/core/synced-object.ts';
import { markFetched } from '../webhook/fetch-numbers.ts';
import type { DeletedRow, PriceRow, ProductRow } from './core/from-stripe.ts';

/**
 * Writes those fields of products that come from Stripe. The products' projects, and the fields that a project
 * sets, stay unchanged. A new product has no project yet. A deleted product that is not stored is skipped.
 */
export async function applyProducts(
  tx: Tx,
  rows: readonly (ProductRow | DeletedRow)[],
): Promise<void> {
  const { live, deletedIds } = partition(rows);
  await writeProducts(tx, live);
  if (deletedIds.length === 0) return;
  await tx.product.updateMany({
    where: { id: { in: deletedIds } },
    data: { deleted: true, active: false },
  });
}

/**
 * Writes those fields of prices that come from Stripe. Fields that a project sets stay unchanged. The prices'
 * products must already be stored.
 */
export async function applyPrices(tx: Tx, rows: readonly (PriceRow | DeletedRow)[]): Promise<void> {
  const { live, deletedIds } = partition(rows);
  await writePrices(tx, live);
  if (deletedIds.length === 0) return;
  await tx.price.updateMany({
    where: { id: { in: deletedIds } },
    data: { deleted: true, active: false },
  });
}

/** Splits rows into live and deleted ones and removes duplicates: one statement cannot upsert a row twice. */
function partition<Live extends { id: string; deleted: false }>(
  rows: readonly (Live | DeletedRow)[],
): { live: Live[]; deletedIds: string[] } {
  const unique = [...new Map(rows.map((row) => [row.id, row])).values()];
  return {
    live: unique.filter((row): row is Live => !row.deleted),
    deletedIds: unique.filter((row) => row.deleted).map(({ id }) => id),
  };
}

async function writeProducts(tx: Tx, rows: readonly ProductRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    insert into products (id, name, description, active, deleted, claimed_by)
    select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      id text, name text, description text, active boolean, deleted boolean, "claimedBy" text)
    order by id
    on conflict (id) do update set
      name = excluded.name, description = excluded.description, active = excluded.active,
      deleted = excluded.deleted, claimed_by = excluded.claimed_by`;
}

/** Writes prices. Tiers and other currencies that were not fetched keep their stored values. */
async function writePrices(tx: Tx, prices: readonly PriceRow[]): Promise<void> {
  if (prices.length === 0) return;
  const rows = prices.map((row) => ({ ...row, unitAmount: row.unitAmount?.toString() ?? null }));
  await tx.$executeRaw`
    insert into prices as p (
      id, product_id, active, deleted, nickname, currency, unit_amount, unit_amount_decimal, type,
      interval, interval_count, usage_type, tiers_mode, tiers, currency_options, divide_quantity_by,
      round_quantity)
    select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      id text, "productId" text, active boolean, deleted boolean, nickname text, currency text,
      "unitAmount" bigint, "unitAmountDecimal" text, type text, interval text, "intervalCount" int,
      "usageType" text, "tiersMode" text, tiers jsonb, "currencyOptions" jsonb,
      "divideQuantityBy" int, "roundQuantity" text)
    order by id
    on conflict (id) do update set
      product_id = excluded.product_id, active = excluded.active, deleted = excluded.deleted,
      nickname = excluded.nickname, currency = excluded.currency,
      unit_amount = excluded.unit_amount, unit_amount_decimal = excluded.unit_amount_decimal,
      type = excluded.type, interval = excluded.interval, interval_count = excluded.interval_count,
      usage_type = excluded.usage_type, tiers_mode = excluded.tiers_mode,
      tiers = coalesce(excluded.tiers, p.tiers),
      currency_options = coalesce(excluded.currency_options, p.currency_options),
      divide_quantity_by = excluded.divide_quantity_by, round_quantity = excluded.round_quantity`;
}

/**
 * Writes products and prices that were fetched after `number` was drawn. The worker may fetch and write the
 * same rows concurrently, so a row that was written by a later fetch is skipped.
 */
export async function applyFetched(
  tx: Tx,
  fetched: { number: bigint; products: ProductRow[]; prices: PriceRow[] },
  now: number,
): Promise<void> {
  const { number, products, prices } = fetched;
  const objects = [...refsTo('product', products), ...refsTo('price', prices)];
  const applied = objects.map((object) => ({ ...object, outcome: 'applied' as const }));
  const newest = await markFetched(tx, applied, number, now);
  const kept = <T extends { id: string }>(objectType: SyncedType, rows: T[]): T[] =>
    rows.filter(({ id }) => newest.has(objectKey({ objectType, objectId: id })));
  await applyProducts(tx, kept('product', products));
  await applyPrices(tx, kept('price', prices));
}

/** A price that is for sale. */
export interface SellablePrice {
  priceId: string;
  productId: string;
  type: 'recurring' | 'one_time';
  /** Whether one user may hold several subscriptions to the product. */
  allowMultiple: boolean;
  /** The group of plans of which one user has at most one subscription; null for no group. */
  group: string | null;
  /** The price's features, including those of its product, sorted. */
  featureCodes: string[];
}

/**
 * Loads a price of the project's catalog for a checkout.
 *
 * @param field the request field that names the price.
 * @throws ProblemError price_not_found (the price is not in the project's catalog), price_inactive
 */
export async function loadSellablePrice(
  database: Database,
  projectId: string,
  priceId: string,
  field: string,
): Promise<SellablePrice> {
  const price = await database.prisma.price.findFirst({
    where: { id: priceId, product: { projectId } },
    include: { features: true, product: { include: { features: true } } },
  });
  if (price === null) throw notFound('price_not_found', field, priceId);
  const { product } = price;
  const forSale = price.active && !price.deleted && product.active && !product.deleted;
  if (!forSale || (price.type !== 'recurring' && price.type !== 'one_time')) {
    const message =
      'names a price that is not for sale because the price or its product is archived in Stripe: GET /api/v1/catalog lists the prices for sale';
    throw new ProblemError('price_inactive', undefined, [{ path: field, message }]);
  }
  const carried = [...product.features, ...price.features];
  return {
    priceId,
    productId: product.id,
    type: price.type,
    allowMultiple: product.allowMultiple,
    group: product.groupName,
    featureCodes: [...new Set(carried.map(({ featureCode }) => featureCode))].sort(),
  };
}
