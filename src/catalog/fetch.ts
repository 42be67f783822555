import Stripe from 'stripe';
import type { Deps } from '../deps.ts';
import { notFound } from '../http/not-found.ts';
import type { ProblemError } from '../http/problem.ts';
import { eachListed } from '../platform/stripe-lists.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';
import {
  type NamedFeature,
  namedFeatures,
  type PriceRow,
  type ProductRow,
  toPriceRow,
  toProductRow,
} from './core/from-stripe.ts';
import { priceExpansion, withTiers } from './whole-price.ts';

export type FetchDeps = Pick<Deps, 'database' | 'stripe'>;

/** A product with all its prices, fetched after `number` was drawn. */
export interface FetchedProduct {
  number: bigint;
  product: ProductRow;
  prices: PriceRow[];
}

/** All products of a project, fetched after `number` was drawn. */
export interface FetchedCatalog {
  number: bigint;
  products: ClaimedProduct[];
}

/** A product with its prices, and the features named on them in Stripe. */
export interface ClaimedProduct {
  product: ProductRow;
  prices: PriceRow[];
  /**
   * The features in the product's `metadata.feature_codes`, followed by the product's Stripe features by
   * `lookup_key`.
   */
  features: NamedFeature[];
  priceFeatures: { priceId: string; features: NamedFeature[] }[];
}

/**
 * Maximum number of products to fetch concurrently, chosen to stay within Stripe's 25 requests per second.
 */
const maxConcurrentFetches = 4;

/**
 * Fetches a product with its prices; null if the caller may not add the product. Such a product costs the
 * same requests and queries as an unknown one, so the response time reveals nothing.
 *
 * @throws ProblemError stripe_unavailable
 */
export async function fetchProduct(
  deps: FetchDeps,
  id: string,
  mayAdd: (product: ProductRow) => boolean,
): Promise<FetchedProduct | null> {
  const number = await drawNumber(deps.database);
  return unlessMissing(async () => {
    const product = toProductRow(await deps.stripe.products.retrieve(id));
    if (!mayAdd(product)) return null;
    const prices = await listPrices(deps.stripe, id);
    return { number, product, prices: prices.map((price) => toPriceRow(price)) };
  });
}

/**
 * Fetches a price if its product belongs to the caller. A price of any other product costs the same requests
 * and queries as an unknown price.
 *
 * @param isOwn is always called, with null if Stripe does not know the price.
 * @throws ProblemError price_not_found, stripe_unavailable
 */
export async function fetchPrice(
  deps: FetchDeps,
  id: string,
  isOwn: (productId: string | null) => Promise<boolean>,
): Promise<{ number: bigint; price: PriceRow }> {
  const number = await drawNumber(deps.database);
  const shown = await unlessMissing(() =>
    deps.stripe.prices.retrieve(id, { expand: priceExpansion }),
  );
  const product = shown?.product ?? null;
  const own = await isOwn(typeof product === 'object' ? (product?.id ?? null) : product);
  if (shown === null || !own) throw priceNotFound(id);
  return { number, price: toPriceRow(await withTiers(deps.stripe, shown)) };
}

/**
 * Fetches every product that names the project in `metadata.project_id`. Archived products are included
 * because their buyers keep the features.
 *
 * @throws ProblemError stripe_unavailable
 */
export async function fetchCatalog(deps: FetchDeps, projectId: string): Promise<FetchedCatalog> {
  const number = await drawNumber(deps.database);
  const claimed: Stripe.Product[] = [];
  for await (const product of eachListed((page) => deps.stripe.products.list(page))) {
    if (product.metadata['project_id'] === projectId) claimed.push(product);
  }
  const products: ClaimedProduct[] = [];
  for (let start = 0; start < claimed.length; start += maxConcurrentFetches) {
    const some = claimed.slice(start, start + maxConcurrentFetches);
    products.push(
      ...(await Promise.all(some.map((product) => fetchClaimed(deps.stripe, product)))),
    );
  }
  return { number, products };
}

async function fetchClaimed(stripe: Stripe, product: Stripe.Product): Promise<ClaimedProduct> {
  const features = namedFeatures(product.metadata);
  const attached = eachListed((page) => stripe.products.listFeatures(product.id, page));
  for await (const { entitlement_feature } of attached) {
    const code = entitlement_feature.lookup_key;
    // Stripe's features have no value, so a metadata entry takes precedence.
    if (!features.some((feature) => feature.code === code)) features.push({ code, value: null });
  }
  const prices = await listPrices(stripe, product.id);
  return {
    product: toProductRow(product),
    prices: prices.map((price) => toPriceRow(price)),
    features,
    priceFeatures: prices.map(({ id, metadata }) => ({
      priceId: id,
      features: namedFeatures(metadata),
    })),
  };
}

/** Fetches active and archived prices as two lists, because Stripe lists only active prices by default. */
async function listPrices(stripe: Stripe, product: string): Promise<Stripe.Price[]> {
  const prices = new Map<string, Stripe.Price>();
  for (const active of [true, false]) {
    const expand = priceExpansion.map((path) => `data.${path}`);
    const listed = eachListed((page) => stripe.prices.list({ product, active, expand, ...page }));
    for await (const price of listed) {
      prices.set(price.id, await withTiers(stripe, price));
    }
  }
  return [...prices.values()];
}

/**
 * Returns the problem for a price that belongs to no product of the project, whether or not Stripe knows the
 * price.
 */
export function priceNotFound(id: string): ProblemError {
  return notFound(
    'price_not_found',
    'stripe_price_id',
    id,
    "names no price of the project's products: add its product first, with PUT /api/v1/admin/products/{stripe_product_id}",
  );
}

/** Returns null if Stripe does not know the object. */
async function unlessMissing<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    const isMissing =
      error instanceof Stripe.errors.StripeError && error.code === 'resource_missing';
    if (!isMissing) throw error;
    return null;
  }
}
