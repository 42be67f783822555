import { featureType, type GivenValue, valueFault } from '../entitlements/feature-value.ts';
import type { Feature } from '../generated/prisma/client.ts';
import { featureCodeSchema } from '../http/schemas.ts';
import type { NamedFeature } from './core/from-stripe.ts';
import type { ClaimedProduct } from './fetch.ts';
import type { ImportDto } from './schemas.ts';

/* Plans an import by comparing the fetched catalog with the stored one. Pure. */

type KnownFeature = Pick<Feature, 'code' | 'type' | 'archivedAt'>;

/** The stored state of the fetched products. */
export interface StoredCatalog {
  features: readonly KnownFeature[];
  /** The mapped feature codes, by id of the project's product or price. */
  mappedOn: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Mapping {
  /** The id of the product or price. */
  id: string;
  featureCode: string;
  value: GivenValue;
}

interface ImportPlan {
  result: ImportDto;
  newFeatures: KnownFeature[];
  productFeatures: Mapping[];
  priceFeatures: Mapping[];
}

type WhySkipped = ImportDto['skipped'][number]['why'];

/** Plans only additions: existing mappings stay, and products of other projects are skipped. */
export function planImport(
  products: readonly ClaimedProduct[],
  { features, mappedOn }: StoredCatalog,
): ImportPlan {
  const known = new Map(features.map((feature) => [feature.code, feature]));
  const newFeatures: KnownFeature[] = [];
  const skipped: ImportDto['skipped'] = [];
  const productIds: string[] = [];
  const priceIds: string[] = [];
  const mapped: Mapping[] = [];
  const productFeatures: Mapping[] = [];
  const priceFeatures: Mapping[] = [];

  function mappingsOf(
    id: string,
    named: readonly NamedFeature[],
    codes: ReadonlySet<string>,
  ): Mapping[] {
    const mapped = new Set(codes);
    return named.flatMap(({ code, value: given }) => {
      if (mapped.has(code)) return [];
      const resolved = resolve(code, given, known.get(code));
      if ('why' in resolved) {
        skipped.push({ id, feature_code: code, why: resolved.why });
        return [];
      }
      if (!known.has(code)) {
        const feature = { code, type: resolved.type, archivedAt: null };
        known.set(code, feature);
        newFeatures.push(feature);
      }
      mapped.add(code);
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
    result: {
      product_ids: productIds,
      price_ids: priceIds,
      features_created: newFeatures.map(({ code }) => code),
      mapped: mapped.map(({ featureCode, ...rest }) => ({ feature_code: featureCode, ...rest })),
      skipped,
    },
    newFeatures,
    productFeatures,
    priceFeatures,
  };
}

/**
 * Returns the type and value of a named feature. An unknown code is a limit if it has a value, otherwise a
 * boolean.
 */
function resolve(
  code: string,
  given: NamedFeature['value'],
  known: KnownFeature | undefined,
): { type: string; value: GivenValue } | { why: WhySkipped } {
  if (!featureCodeSchema.safeParse(code).success) return { why: 'code_invalid' };
  if (known !== undefined && known.archivedAt !== null) return { why: 'feature_archived' };
  const type = featureType(known?.type ?? (given === null ? 'boolean' : 'limit'));
  if (given === null && type !== 'boolean') return { why: 'value_required' };
  const value = given ?? true;
  return valueFault(type, value) === null ? { type, value } : { why: 'value_invalid' };
}
