import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Price, Product } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { mergedMetadata, type MetadataParam } from '../http/params.ts';
import { invalid } from '../stripe-error.ts';

export interface PriceRequest {
  currency: string;
  unit_amount?: number | undefined;
  unit_amount_decimal?: number | undefined;
  active?: boolean | undefined;
  currency_options?: Record<string, { unit_amount: number }> | undefined;
  lookup_key?: string | undefined;
  transfer_lookup_key?: boolean | undefined;
  nickname?: string | undefined;
  metadata?: MetadataParam | undefined;
  recurring?:
    | {
        interval: 'day' | 'week' | 'month' | 'year';
        interval_count?: number | undefined;
        usage_type?: 'licensed' | 'metered' | undefined;
        meter?: string | undefined;
      }
    | undefined;
}

export function addPrice(world: World, product: Product, request: PriceRequest): Price {
  const amount = request.unit_amount ?? request.unit_amount_decimal;
  if (amount === undefined) {
    throw invalid('Missing required param: unit_amount.', 'parameter_missing', 'unit_amount');
  }
  if (request.recurring?.usage_type === 'metered') requireMeter(world, request.recurring.meter);
  const currency = request.currency.toLowerCase();
  takeLookupKey(world, request.lookup_key, request.transfer_lookup_key ?? false);
  const price: Price = {
    id: newId('price'),
    object: 'price',
    active: request.active ?? true,
    billing_scheme: 'per_unit',
    created: world.clock.seconds(),
    currency,
    currency_options: currencyOptions(currency, amount, request.currency_options ?? {}),
    custom_unit_amount: null,
    livemode: false,
    lookup_key: request.lookup_key ?? null,
    metadata: mergedMetadata({}, request.metadata),
    nickname: request.nickname ?? null,
    product: product.id,
    recurring:
      request.recurring === undefined
        ? null
        : {
            interval: request.recurring.interval,
            interval_count: request.recurring.interval_count ?? 1,
            meter: request.recurring.meter ?? null,
            trial_period_days: null,
            usage_type: request.recurring.usage_type ?? 'licensed',
          },
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: request.recurring === undefined ? 'one_time' : 'recurring',
    unit_amount: Number.isInteger(amount) ? amount : null,
    unit_amount_decimal: String(amount),
  };
  world.tables.prices.set(price.id, price);
  emit(world, 'price.created', price);
  return price;
}

/**
 * Requires an active meter for a metered price.
 *
 * @see https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-legacy-usage-based-billing
 */
function requireMeter(world: World, id: string | undefined): void {
  const param = 'recurring[meter]';
  if (id === undefined) {
    throw invalid(
      'A metered price must be backed by a meter. Set `recurring[meter]`.',
      'parameter_missing',
      param,
    );
  }
  if (need(world.tables.meters, 'billing meter', id, param, 400).status !== 'active') {
    throw invalid(`The meter ${id} is inactive.`, 'parameter_invalid', param);
  }
}

/** Returns a price's amount in each currency, including its own. */
function currencyOptions(
  currency: string,
  amount: number,
  others: Record<string, { unit_amount: number }>,
): NonNullable<Price['currency_options']> {
  const amounts = Object.entries(others).map(
    ([name, option]) => [name.toLowerCase(), option.unit_amount] as const,
  );
  return Object.fromEntries(
    [[currency, amount] as const, ...amounts].map(([name, unitAmount]) => [
      name,
      {
        custom_unit_amount: null,
        tax_behavior: 'unspecified',
        unit_amount: Number.isInteger(unitAmount) ? unitAmount : null,
        unit_amount_decimal: String(unitAmount),
      },
    ]),
  );
}

/**
 * Frees a lookup key for another price. Throws if a price already holds the key, unless `transfer` is set.
 */
export function takeLookupKey(world: World, key: string | undefined, transfer: boolean): void {
  const [holder] = world.tables.prices.where('lookupKey', key);
  if (holder === undefined) {
    return;
  }
  if (!transfer) {
    throw invalid(
      `A price (\`${holder.id}\`) already uses that lookup key.`,
      'resource_already_exists',
      'lookup_key',
    );
  }
  holder.lookup_key = null;
  world.tables.prices.set(holder.id, holder);
}
