import { toPriceRow, toProductRow } from '../catalog/from-stripe.ts';
import { priceExpansion, withTiers } from '../catalog/whole-price.ts';
import { emptyPicture, type Picture } from '../mirror/picture.ts';
import { correctDiffering } from './differing.ts';
import { compareAlone, fetchPage, type Listed, type ListParams } from './pages.ts';
import { beginning, type Position, type RunContext, RunFailed } from './run-context.ts';
import type Stripe from 'stripe';

/**
 * Products, then prices: whole lists in one step, with the ids seen in memory. A catalog is small, and
 * its lists tell no creation that we keep, so the way back cannot go page by page.
 */
export async function compareCatalog(context: RunContext): Promise<null> {
  const { deps } = context;
  const { stripeForReconciliation: stripe, database } = deps;
  const products = await walk(
    context,
    (params) => stripe.products.list(params),
    (product) => Promise.resolve({ ...emptyPicture(), products: [toProductRow(product)] }),
  );
  const prices = await walk(
    context,
    (params) =>
      stripe.prices.list({ ...params, expand: priceExpansion.map((path) => `data.${path}`) }),
    async (price) => {
      const whole = await withTiers(stripe, price);
      return { ...emptyPicture(), prices: [toPriceRow(whole)] };
    },
  );
  const heldProducts = await database.prisma.product.findMany({
    where: { deleted: false },
    select: { id: true },
  });
  const heldPrices = await database.prisma.price.findMany({
    where: { deleted: false },
    select: { id: true },
  });
  for (const [objectType, held, seen] of [
    ['product', heldProducts, products],
    ['price', heldPrices, prices],
  ] as const) {
    const unseen = held.filter(({ id }) => !seen.has(id));
    if (seen.size === 0 && unseen.length > 0) {
      deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
      throw new RunFailed(
        `list_incomplete: Stripe lists no ${objectType} at all, and we hold some`,
      );
    }
    for (const { id } of unseen) {
      await context.beat();
      await compareAlone(context, { objectType, objectId: id }, true);
    }
  }
  return null;
}

async function walk<T extends Listed>(
  context: RunContext,
  list: (params: ListParams) => Promise<Stripe.ApiList<T>>,
  toPicture: (object: T) => Promise<Picture>,
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
    const pictures: Picture[] = [];
    for (const object of objects) pictures.push(await toPicture(object));
    await correctDiffering(context, pictures, number);
    position = next;
  }
  return seen;
}
