import type { Tables } from '../state/tables.ts';
import { isJsonObject, type Json, type JsonObject } from '../wire.ts';

/**
 * Returns whether an API version precedes 2025-03-31.basil, which moved periods to subscription items and
 * invoice payments to a list (docs.stripe.com/changelog/basil).
 */
export function isBeforeBasil(version: string): boolean {
  return version.slice(0, 10) < '2025-03-31';
}

/** Returns an object in the shape that it had before basil. */
export function beforeBasil(tables: Tables, object: JsonObject): JsonObject {
  switch (textOf(object['object'])) {
    case 'subscription':
      return oldSubscription(object);
    case 'subscription_item':
      return withoutPeriod(object);
    case 'invoice':
      return oldInvoice(tables, object);
    case 'charge':
      return { ...object, invoice: invoiceOf(tables, object['payment_intent']) };
    case 'payment_intent':
      return { ...object, invoice: invoiceOf(tables, object['id']) };
    default:
      return object;
  }
}

/** Returns `previous_attributes` in the shape that they had before basil. */
export function previousBeforeBasil(object: JsonObject, previous: JsonObject): JsonObject {
  const items = rowsOf(previous['items']);
  const [first] = items;
  if (object['object'] !== 'subscription' || first === undefined) {
    return previous;
  }
  return {
    ...previous,
    ...picked(first, 'current_period_start', 'current_period_end'),
    items: { ...listOf(previous['items']), data: items.map(withoutPeriod) },
  };
}

function oldSubscription(object: JsonObject): JsonObject {
  const items = rowsOf(object['items']);
  const [first] = items;
  const old = without(object, 'billing_mode', 'billing_schedules', 'status_details');
  if (first === undefined) {
    return old;
  }
  return {
    ...old,
    ...picked(first, 'current_period_start', 'current_period_end'),
    discount: null,
    plan: items.length === 1 ? (first['plan'] ?? null) : null,
    quantity: items.length === 1 ? (first['quantity'] ?? null) : null,
    items: { ...listOf(object['items']), data: items.map(withoutPeriod) },
  };
}

function withoutPeriod(item: JsonObject): JsonObject {
  return without(item, 'current_period_start', 'current_period_end', 'current_trial');
}

function oldInvoice(tables: Tables, object: JsonObject): JsonObject {
  const details = isJsonObject(object['parent'])
    ? (object['parent']['subscription_details'] ?? null)
    : null;
  const subscription = isJsonObject(details) ? (details['subscription'] ?? null) : null;
  const [payment] = tables.invoicePayments.where('invoice', textOf(object['id']));
  const intent = tables.paymentIntents.get(payment?.payment.payment_intent ?? '');
  return {
    ...without(object, 'parent', 'lines'),
    subscription,
    subscription_details: isJsonObject(details) ? { metadata: details['metadata'] ?? null } : null,
    payment_intent: intent?.id ?? null,
    charge: intent?.latest_charge ?? null,
    paid: object['status'] === 'paid',
    paid_out_of_band: false,
    lines: {
      ...listOf(object['lines']),
      data: rowsOf(object['lines']).map((line) => oldLine(tables, line)),
    },
  };
}

function oldLine(tables: Tables, line: JsonObject): JsonObject {
  const parent = isJsonObject(line['parent']) ? line['parent'] : {};
  const details = parent['subscription_item_details'] ?? parent['invoice_item_details'] ?? null;
  const pricing = isJsonObject(line['pricing']) ? line['pricing'] : {};
  const named = isJsonObject(pricing['price_details']) ? pricing['price_details'] : {};
  const price = tables.prices.get(textOf(named['price']));
  const known: JsonObject = isJsonObject(details) ? details : {};
  return {
    ...without(line, 'parent', 'pricing', 'taxes'),
    price: price === undefined ? null : (JSON.parse(JSON.stringify(price)) as JsonObject),
    proration: known['proration'] ?? false,
    subscription_item: known['subscription_item'] ?? null,
    type: parent['type'] === 'subscription_item_details' ? 'subscription' : 'invoiceitem',
  };
}

/** Returns the id of the invoice that a PaymentIntent pays, or null. */
function invoiceOf(tables: Tables, intent: Json | undefined): Json {
  return tables.invoicePayments.where('intent', textOf(intent))[0]?.invoice ?? null;
}

function listOf(list: Json | undefined): JsonObject {
  return isJsonObject(list) ? list : {};
}

function rowsOf(list: Json | undefined): JsonObject[] {
  const data = listOf(list)['data'];
  return Array.isArray(data) ? data.filter(isJsonObject) : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function without(object: JsonObject, ...keys: string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function picked(object: JsonObject, ...keys: string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}
