import { nested, render, sessionLines } from '../state/render.ts';
import type { Entity, Tables } from '../state/tables.ts';
import { invalid } from '../stripe-error.ts';
import { isJsonObject, toJson, type Json, type JsonObject } from '../wire.ts';

const maxDepth = 4;

/** The fields that contain an id or the expanded object. */
const references = new Set([
  'balance_transaction',
  'charge',
  'configuration',
  'coupon',
  'customer',
  'default_price',
  'discounts',
  'failure_balance_transaction',
  'feature',
  'invoice',
  'latest_charge',
  'latest_invoice',
  'payment_intent',
  'price',
  'product',
  'promotion_code',
  'released_subscription',
  'schedule',
  'subscription',
]);

/**
 * Replaces ids with objects along the given paths (`data.customer`, `latest_invoice.payments`), and adds
 * fields that are absent unless expanded. Throws Stripe's 400 for an unknown path.
 */
export function expand(tables: Tables, root: JsonObject, paths: readonly string[]): void {
  for (const path of paths) {
    const segments = path.split('.');
    if (segments.length > maxDepth) {
      throw invalid(
        `You cannot expand more than ${maxDepth} levels of a property: ${path}`,
        'property_expansion_max_depth',
        'expand',
      );
    }
    follow(tables, root, segments, path);
  }
}

function follow(
  tables: Tables,
  holder: JsonObject,
  segments: readonly string[],
  path: string,
): void {
  const [key, ...rest] = segments;
  if (key === undefined) {
    return;
  }
  const present = holder[key] ?? optionalField(tables, holder, key);
  if (present === undefined && holder[key] !== null) {
    throw invalid(`This property cannot be expanded (${path}).`, undefined, 'expand');
  }
  const value = resolve(tables, key, present ?? null, path);
  holder[key] = value;
  for (const entry of Array.isArray(value) ? value : [value]) {
    if (isJsonObject(entry)) {
      follow(tables, entry, rest, path);
    }
  }
}

function resolve(tables: Tables, key: string, value: Json, path: string): Json {
  if (Array.isArray(value)) {
    return value.map((entry) => resolve(tables, key, entry, path));
  }
  if (value === null || isJsonObject(value)) {
    return value;
  }
  const found =
    typeof value === 'string' && references.has(key) ? findById(tables, value) : undefined;
  if (found === undefined) {
    throw invalid(`This property cannot be expanded (${path}).`, undefined, 'expand');
  }
  return render(tables, found);
}

/** Returns a field that is absent unless expanded, if `key` names one. */
function optionalField(tables: Tables, holder: JsonObject, key: string): JsonObject | undefined {
  const { id, object } = holder;
  if (typeof id !== 'string' || typeof object !== 'string') {
    return undefined;
  }
  switch (`${object}.${key}`) {
    case 'checkout.session.line_items':
      return list(tables, sessionLines(tables, id), `/v1/checkout/sessions/${id}/line_items`);
    case 'invoice.payments':
      return list(
        tables,
        tables.invoicePayments.where('invoice', id),
        `/v1/invoice_payments?invoice=${id}`,
      );
    case 'charge.refunds':
      return list(
        tables,
        tables.refunds.where('charge', id).reverse(),
        `/v1/charges/${id}/refunds`,
      );
    case 'customer.subscriptions':
      return list(
        tables,
        tables.subscriptions
          .where('customer', id)
          .filter(({ status }) => status !== 'canceled')
          .reverse(),
        `/v1/customers/${id}/subscriptions`,
      );
    case 'price.currency_options': {
      const options = tables.prices.get(id)?.currency_options;
      return options === undefined ? undefined : toJson(options);
    }
    default:
      return undefined;
  }
}

function list(tables: Tables, all: readonly Entity[], url: string): JsonObject {
  return toJson(
    nested(
      all.map((entity) => render(tables, entity)),
      url,
    ),
  );
}

function findById(tables: Tables, id: string): Entity | undefined {
  // A reference to a deleted object expands to its deleted form.
  const places: readonly ReadonlyMap<string, Entity>[] = [
    tables.customers,
    tables.products,
    tables.prices,
    tables.features,
    tables.coupons,
    tables.promotionCodes,
    tables.discounts,
    tables.subscriptions,
    tables.schedules,
    tables.invoices,
    tables.paymentIntents,
    tables.charges,
    tables.balanceTransactions,
    tables.portalConfigurations,
    tables.deleted,
  ];
  for (const place of places) {
    const found = place.get(id);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
