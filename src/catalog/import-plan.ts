import { featureType, type GivenValue, valueFault } from '../entitlements/feature-value.ts';
import type { Feature } from '../generated/prisma/client.ts';
import { featureCodeSchema } from '../http/schemas.ts';
import type { ClaimedProduct } from './fetch.ts';
import type { NamedFeature } from './from-stripe.ts';
import type { ImportOut } from './schemas.ts';

/*
 * What an import is to do, out of what Stripe says and what is stored. Pure.
 */

type KnownFeature = Pick<Feature, 'code' | 'type' | 'archivedAt'>;

/** The project's part of what was fetched, as it is stored. */
export interface StoredCatalog {
  features: readonly KnownFeature[];
  /** Of each product of the project, and of each of its prices: the codes that are mapped on it. */
  mappedOn: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Mapping {
  /** The product's or the price's. */
  id: string;
  featureCode: string;
  value: GivenValue;
}

export interface ImportPlan {
  out: ImportOut;
  newFeatures: KnownFeature[];
  productFeatures: Mapping[];
  priceFeatures: Mapping[];
}

type WhySkipped = ImportOut['skipped'][number]['why'];

/** Only adds: what is mapped stays as it is, and a product that is not the project's is left out. */
export function planImport(
  products: readonly ClaimedProduct[],
  { features, mappedOn }: StoredCatalog,
): ImportPlan {
  const known = new Map(features.map((feature) => [feature.code, feature]));
  const newFeatures: KnownFeature[] = [];
  const skipped: ImportOut['skipped'] = [];
  const productIds: string[] = [];
  const priceIds: string[] = [];
  const mapped: Mapping[] = [];
  const productFeatures: Mapping[] = [];
  const priceFeatures: Mapping[] = [];

  /** What is to be mapped on `id` beside what is. */
  function mappingsOf(
    id: string,
    named: readonly NamedFeature[],
    codes: ReadonlySet<string>,
  ): Mapping[] {
    const there = new Set(codes);
    return named.flatMap(({ code, value: said }) => {
      if (there.has(code)) return [];
      const resolved = resolve(code, said, known.get(code));
      if ('why' in resolved) {
        skipped.push({ id, feature_code: code, why: resolved.why });
        return [];
      }
      if (!known.has(code)) {
        const feature = { code, type: resolved.type, archivedAt: null };
        known.set(code, feature);
        newFeatures.push(feature);
      }
      there.add(code);
      return [{ id, featureCode: code, value: resolved.value }];
    });
  }

  for (const { product, prices, features: named, priceFeatures: namedOnPrices } of products) {
    const codes = mappedOn.get(product.id);
    if (codes === undefined) {
      skipped.push({ id: product.id, feature_code: null, why: 'not_available' });
      continue;
    }
    productIds.push(product.id);
    priceIds.push(...prices.map(({ id }) => id));
    const onProduct = mappingsOf(product.id, named, codes);
    const onPrices = namedOnPrices.flatMap(({ priceId, features: namedOnPrice }) => {
      const ofPrice = mappedOn.get(priceId);
      return ofPrice === undefined ? [] : mappingsOf(priceId, namedOnPrice, ofPrice);
    });
    mapped.push(...onProduct, ...onPrices);
    productFeatures.push(...onProduct);
    priceFeatures.push(...onPrices);
  }
  return {
    out: {
      product_ids: productIds,
      price_ids: priceIds,
      features_created: newFeatures.map(({ code }) => code),
      mapped: mapped.map(({ id, featureCode, value }) => ({
        id,
        feature_code: featureCode,
        value,
      })),
      skipped,
    },
    newFeatures,
    productFeatures,
    priceFeatures,
  };
}

/** What a name gives: of a code that is not known a boolean, or with a value a limit. */
function resolve(
  code: string,
  said: NamedFeature['value'],
  known: KnownFeature | undefined,
): { type: string; value: GivenValue } | { why: WhySkipped } {
  if (!featureCodeSchema.safeParse(code).success) return { why: 'code_invalid' };
  if (known !== undefined && known.archivedAt !== null) return { why: 'feature_archived' };
  const type = featureType(known?.type ?? (said === null ? 'boolean' : 'limit'));
  if (said === null && type !== 'boolean') return { why: 'value_required' };
  const value = said ?? true;
  return valueFault(type, value) === null ? { type, value } : { why: 'value_invalid' };
}
