import { recordChange } from '../audit/record.ts';
import type { Price, PriceFeature } from '../generated/prisma/client.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { ChangeContext } from './change.ts';
import type { PriceRow } from './core/from-stripe.ts';
import { keptValue } from './core/kept-value.ts';
import { fetchPrice, type FetchDeps, priceNotFound } from './fetch.ts';
import { checkMapping, valuesOf } from './mapping.ts';
import type { PriceBody, PriceDto } from './schemas.ts';
import { applyFetched } from './store.ts';

/** Loads the prices of the project's products, ordered by id. */
export async function loadPrices(
  database: Database,
  projectId: string,
  page: { after: string | undefined; take: number },
): Promise<PriceDto[]> {
  const prices = await database.prisma.price.findMany({
    where: {
      product: { projectId },
      ...(page.after === undefined ? {} : { id: { gt: page.after } }),
    },
    include: { features: true },
    orderBy: { id: 'asc' },
    take: page.take,
  });
  return prices.map(toPriceDto);
}

/**
 * Fetches a price that the project does not have yet, for example because its webhook has not arrived; null
 * if the project already has it. A price of another project is fetched too, so that it looks like an unknown
 * one even while Stripe is unavailable.
 *
 * @throws ProblemError price_not_found, stripe_unavailable
 */
export async function fetchNewPrice(
  deps: FetchDeps,
  projectId: string,
  id: string,
): Promise<{ number: bigint; price: PriceRow } | null> {
  const { price, product } = deps.database.prisma;
  const own = await price.findFirst({
    where: { id, product: { projectId } },
    select: { id: true },
  });
  if (own !== null) return null;
  return fetchPrice(deps, id, async (productId) => {
    // Runs for an unknown price too, so that the response time does not reveal which prices exist.
    const where = { id: productId ?? '', projectId };
    return (await product.findFirst({ where, select: { id: true } })) !== null;
  });
}

/**
 * Sets a price's own features, its rank and the duration of a purchase. Fields left out of the body keep
 * their values.
 *
 * @throws ProblemError price_not_found (the price is not in the project's catalog), feature_not_found,
 *   bad_request
 */
export async function putPrice(
  tx: Tx,
  context: ChangeContext,
  id: string,
  fetched: { number: bigint; price: PriceRow } | null,
  body: PriceBody,
): Promise<PriceDto> {
  const { projectId } = context;
  if (fetched !== null) {
    const product = await tx.product.findFirst({
      where: { id: fetched.price.productId, projectId },
    });
    if (product === null) throw priceNotFound(id);
    const { number, price } = fetched;
    await applyFetched(tx, { number, products: [], prices: [price] }, context.at);
  }
  const before = await loadPrice(tx, projectId, id);
  if (typeof body.access_days === 'number' && before.type !== 'one_time') {
    const message =
      'is for one-time prices only: leave it out, because a subscription lasts as long as it is paid';
    throw new ProblemError('bad_request', undefined, [{ path: 'access_days', message }]);
  }
  await tx.price.update({
    where: { id },
    data: {
      accessDays: keptValue(body.access_days, before.accessDays, null),
      rank: keptValue(body.rank, before.rank, null),
    },
  });
  if (body.features !== undefined) {
    const features = body.features ?? {};
    await checkMapping(tx, projectId, features, valuesOf(before.features));
    await tx.priceFeature.deleteMany({ where: { priceId: id } });
    await tx.priceFeature.createMany({
      data: Object.entries(features).map(([featureCode, value]) => ({
        priceId: id,
        projectId,
        featureCode,
        value,
      })),
    });
  }
  const after = toPriceDto(await loadPrice(tx, projectId, id));
  await recordChange(tx, {
    ...context,
    action: 'price.update',
    targetType: 'price',
    targetId: id,
    before: toPriceDto(before),
    after,
  });
  return after;
}

async function loadPrice(tx: Tx, projectId: string, id: string) {
  const price = await tx.price.findFirst({
    where: { id, product: { projectId } },
    include: { features: true },
  });
  if (price === null) throw priceNotFound(id);
  return price;
}

/**
 * Maps a price to the fields that the pricing page and the admin API share, with only the price's own
 * features.
 */
export function toPricingDto(price: Price & { features: PriceFeature[] }) {
  return {
    id: price.id,
    nickname: price.nickname,
    currency: price.currency,
    unit_amount: price.unitAmount === null ? null : Number(price.unitAmount),
    unit_amount_decimal: price.unitAmountDecimal,
    type: price.type,
    interval: price.interval,
    interval_count: price.intervalCount,
    usage_type: price.usageType,
    tiers_mode: price.tiersMode,
    access_days: price.accessDays,
    features: valuesOf(price.features),
  };
}

function toPriceDto(price: Price & { features: PriceFeature[] }): PriceDto {
  return {
    ...toPricingDto(price),
    product_id: price.productId,
    active: price.active,
    rank: price.rank,
  };
}
