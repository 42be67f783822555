import type Stripe from 'stripe';
import { toPriceRow, toProductRow } from '../catalog/core/from-stripe.ts';
import { priceExpansion, withTiers } from '../catalog/whole-price.ts';
import { snapshotOf, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import type { Database } from '../platform/database.ts';
import { correctPage } from './correct-page.ts';
import { compareSingle, fetchPage, type Listed, type ListParams } from './pages.ts';
import {
  type Related,
  beginning,
  type Position,
  type RunContext,
  RunFailed,
} from './run-context.ts';

const priceList = ['product', ...priceExpansion].map((path) => `data.${path}`);

/**
 * Compares products, then prices. Each list is compared as a whole in one step, with the listed ids in
 * memory: the mirror stores no creation dates for products and prices, so missing ones cannot be found page
 * by page.
 */
export async function compareCatalog(context: RunContext): Promise<null> {
  const { deps } = context;
  const { stripeForReconciliation: stripe, database } = deps;
  const listed = {
    product: await walk(
      context,
      (params) => stripe.products.list(params),
      (product) => Promise.resolve(snapshotOf({ product: [toProductRow(product)] })),
    ),
    price: await walk(
      context,
      (params) => stripe.prices.list({ ...params, expand: priceList }),
      async (price) => snapshotOf({ price: [toPriceRow(await withTiers(stripe, price))] }),
      (prices) => loadUnstored(database, prices),
    ),
  };
  const query = { where: { deleted: false }, select: { id: true } } as const;
  const alive = {
    product: await database.prisma.product.findMany(query),
    price: await database.prisma.price.findMany(query),
  };
  for (const objectType of ['product', 'price'] as const) {
    const seen = listed[objectType];
    const unseen = alive[objectType].filter(({ id }) => !seen.has(id));
    if (seen.size === 0 && unseen.length > 0) {
      deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
      throw new RunFailed(
        `list_incomplete: Stripe lists no ${objectType}, but the mirror has some`,
      );
    }
    for (const { id } of unseen) {
      await context.beat();
      await compareSingle(context, { objectType, objectId: id }, true);
    }
  }
  return null;
}

async function walk<T extends Listed>(
  context: RunContext,
  list: (params: ListParams) => Promise<Stripe.ApiList<T>>,
  toSnapshot: (object: T) => Promise<StripeSnapshot>,
  loadRelated: (objects: readonly T[]) => Promise<(snapshot: StripeSnapshot) => Related> = () =>
    Promise.resolve(() => ({})),
): Promise<Set<string>> {
  const seen = new Set<string>();
  let position: Position | null = beginning;
  while (position !== null) {
    await context.beat();
    const { number, objects, next }: Awaited<ReturnType<typeof fetchPage<T>>> = await fetchPage(
      context,
      list,
      position,
    );
    for (const { id } of objects) seen.add(id);
    const snapshots: StripeSnapshot[] = [];
    for (const object of objects) snapshots.push(await toSnapshot(object));
    await correctPage(context, snapshots, number, await loadRelated(objects));
    position = next;
  }
  return seen;
}

/**
 * Loads the products of listed prices that are not stored: a dry run, or a run for a single project, stores
 * no products.
 */
async function loadUnstored(
  { prisma }: Database,
  prices: readonly Stripe.Price[],
): Promise<(snapshot: StripeSnapshot) => Related> {
  const listed = prices
    .map(({ product }) => product)
    .filter((product) => typeof product === 'object')
    .map(toProductRow);
  const stored = await prisma.product.findMany({
    where: { id: { in: listed.map(({ id }) => id) } },
    select: { id: true },
  });
  const storedIds = new Set(stored.map(({ id }) => id));
  const unstored = new Map(
    listed.filter(({ id }) => !storedIds.has(id)).map((row) => [row.id, row]),
  );
  return ({ price: rows }) => ({
    products: rows.flatMap((row) => (row.deleted ? [] : (unstored.get(row.productId) ?? []))),
  });
}
