import type Stripe from 'stripe';
import type { Price, Product } from '../../generated/prisma/client.ts';

/*
 * Maps Stripe's products and prices to rows. Leaves out the fields that a project sets (rank, features,
 * access_days …). Pure.
 */

export interface ProductRow extends Pick<
  Product,
  'id' | 'name' | 'description' | 'active' | 'claimedBy'
> {
  deleted: false;
}

type ReplacedField = 'deleted' | 'tiers' | 'currencyOptions' | 'accessDays' | 'rank';

export interface PriceRow extends Omit<Price, ReplacedField> {
  deleted: false;
  /** Absent if Stripe did not expand the tiers, which leaves the stored ones unchanged. */
  tiers?: PriceTier[];
  /**
   * The price in other currencies, by currency. Absent if Stripe did not expand them, which leaves the stored
   * ones unchanged.
   */
  currencyOptions?: Record<string, PriceOption>;
}

/**
 * A tier, with amounts in minor units as decimal numbers. Prisma's JSON type requires the index signature.
 */
interface PriceTier {
  [key: string]: number | string | null;
  upTo: number | null;
  unitAmount: string | null;
  flatAmount: string | null;
}

interface PriceOption {
  [key: string]: string | PriceTier[] | null;
  unitAmount: string | null;
  tiers: PriceTier[] | null;
}

/** An object that Stripe has deleted. */
export interface DeletedRow {
  id: string;
  deleted: true;
}

export function toProductRow(product: Stripe.Product): ProductRow;
export function toProductRow(
  product: Stripe.Product | Stripe.DeletedProduct,
): ProductRow | DeletedRow;
export function toProductRow(
  product: Stripe.Product | Stripe.DeletedProduct,
): ProductRow | DeletedRow {
  if (product.deleted === true) return { id: product.id, deleted: true };
  return {
    id: product.id,
    name: product.name,
    description: product.description,
    active: product.active,
    deleted: false,
    claimedBy: product.metadata['project_id'] ?? null,
  };
}

export function toPriceRow(price: Stripe.Price): PriceRow;
export function toPriceRow(price: Stripe.Price | Stripe.DeletedPrice): PriceRow | DeletedRow;
export function toPriceRow(price: Stripe.Price | Stripe.DeletedPrice): PriceRow | DeletedRow {
  if (price.deleted === true) return { id: price.id, deleted: true };
  return {
    id: price.id,
    productId: typeof price.product === 'string' ? price.product : price.product.id,
    active: price.active,
    deleted: false,
    nickname: price.nickname,
    currency: price.currency,
    unitAmount: price.unit_amount === null ? null : BigInt(price.unit_amount),
    unitAmountDecimal: price.unit_amount_decimal?.toString() ?? null,
    type: price.type,
    interval: price.recurring?.interval ?? null,
    intervalCount: price.recurring?.interval_count ?? null,
    usageType: price.recurring?.usage_type ?? null,
    tiersMode: price.tiers_mode,
    ...(price.tiers === undefined ? {} : { tiers: price.tiers.map(toTier) }),
    ...toWholeOptions(price),
    divideQuantityBy: price.transform_quantity?.divide_by ?? null,
    roundQuantity: price.transform_quantity?.round ?? null,
  };
}

function toTier(tier: Stripe.Price.Tier | Stripe.Price.CurrencyOptions.Tier): PriceTier {
  return {
    upTo: tier.up_to,
    unitAmount: decimalText(tier.unit_amount_decimal, tier.unit_amount),
    flatAmount: decimalText(tier.flat_amount_decimal, tier.flat_amount),
  };
}

/**
 * Returns an object without `currencyOptions`, which leaves the stored ones unchanged, if a currency's tiers
 * are missing, as they are in Stripe's lists.
 */
function toWholeOptions({
  currency,
  currency_options: options,
  tiers_mode: tiersMode,
}: Stripe.Price): Pick<PriceRow, 'currencyOptions'> {
  if (options === undefined) return {};
  const lacksTiers = Object.values(options).some(({ tiers }) => tiers === undefined);
  if (tiersMode !== null && lacksTiers) return {};
  return { currencyOptions: toOptions(currency, options) };
}

/** Maps the price in all currencies except its own (`own`), which Stripe's list contains too. */
function toOptions(
  own: string,
  options: NonNullable<Stripe.Price['currency_options']>,
): Record<string, PriceOption> {
  const others = Object.entries(options).filter(([currency]) => currency !== own);
  return Object.fromEntries(
    others.map(([currency, option]) => [
      currency,
      {
        unitAmount: decimalText(option.unit_amount_decimal, option.unit_amount),
        tiers: option.tiers?.map(toTier) ?? null,
      },
    ]),
  );
}

function decimalText(decimal: Stripe.Decimal | null, integer: number | null): string | null {
  return decimal?.toString() ?? integer?.toString() ?? null;
}

/** A feature named in the metadata of a product or price. `value` is null for a code without a value. */
export interface NamedFeature {
  code: string;
  value: number | string | null;
}

/**
 * Parses `metadata.feature_codes`, such as `export, seats=5, storage=unlimited`. A non-numeric value is
 * returned as a string.
 */
export function namedFeatures(metadata: Stripe.Metadata): NamedFeature[] {
  return (metadata['feature_codes'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [code = '', ...rest] = part.split('=');
      const value = rest.join('=').trim();
      return {
        code: code.trim(),
        value: rest.length === 0 ? null : /^\d+$/.test(value) ? Number(value) : value,
      };
    });
}
