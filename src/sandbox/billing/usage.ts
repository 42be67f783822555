import { invoiceLines } from '../state/render.ts';
import type { MeterEvent } from '../state/meters.ts';
import type { Invoice, InvoiceLine, Price, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { amountOf, type PricedLine } from './invoice-draft.ts';

/** A customer's use of a meter from `start` until before `end`, in epoch seconds. */
interface UsageRange {
  meter: string;
  customer: string;
  start: number;
  end: number;
}

/**
 * Aggregates a customer's meter events by the meter's formula. Values may be negative.
 *
 * @see https://docs.stripe.com/billing/subscriptions/usage-based/meters/configure
 */
export function usageIn(world: World, { customer, end, meter, start }: UsageRange): number {
  const events = world.tables.meterEvents
    .where('customer', customer)
    .filter(
      (event) =>
        event.meter === meter &&
        !event.canceled &&
        start <= event.timestamp &&
        event.timestamp < end,
    );
  switch (world.tables.meters.get(meter)?.default_aggregation.formula) {
    case 'count':
      return events.length;
    case 'last':
      return lastOf(events)?.value ?? 0;
    case 'sum':
    case undefined:
      return events.reduce((sum, { value }) => sum + value, 0);
  }
}

function lastOf(events: readonly MeterEvent[]): MeterEvent | undefined {
  return events.toSorted((a, b) => a.timestamp - b.timestamp || a.created - b.created).at(-1);
}

/** Returns the line that bills a metered item's current period, which has ended; null for another item. */
export function usageLine(world: World, item: SubscriptionItem): PricedLine | null {
  const price = world.tables.prices.get(item.price);
  const subscription = world.tables.subscriptions.get(item.subscription);
  if (price === undefined || subscription === undefined) return null;
  const period = { start: item.current_period_start, end: item.current_period_end };
  const quantity = billedQuantity(world, price, subscription.customer, period);
  if (quantity === null) return null;
  return {
    amount: amountOf(price, quantity, subscription.currency),
    currency: subscription.currency,
    description: describe(world, price, quantity),
    price,
    quantity,
    period,
    item,
    proration: false,
  };
}

/**
 * Adds the usage that arrived while an invoice was a draft. The draft keeps its discount.
 *
 * @see https://docs.stripe.com/billing/subscriptions/usage-based/configure-grace-period
 */
export function refreshUsage(world: World, invoice: Invoice): void {
  const lines = invoiceLines(world.tables, invoice.id);
  const added = lines.reduce((sum, line) => sum + refreshLine(world, invoice.customer, line), 0);
  const total = invoice.total + added;
  Object.assign(invoice, {
    subtotal: invoice.subtotal + added,
    subtotal_excluding_tax: invoice.subtotal + added,
    total,
    total_excluding_tax: (invoice.total_excluding_tax ?? invoice.total) + added,
    amount_due: Math.max(0, total),
    amount_remaining: Math.max(0, total),
  } satisfies Partial<Invoice>);
}

/** Brings a line up to date if it bills usage. Returns by how much its amount grew. */
function refreshLine(world: World, customer: string | null, line: InvoiceLine): number {
  const price = world.tables.prices.get(line.pricing?.price_details?.price ?? '');
  // Without a quantity, the line names a period that is free or has only begun.
  if (price === undefined || line.quantity === null) return 0;
  const quantity = billedQuantity(world, price, customer, line.period);
  if (quantity === null) return 0;
  const amount = amountOf(price, quantity, line.currency);
  const added = amount - line.amount;
  Object.assign(line, {
    amount,
    subtotal: amount,
    quantity,
    quantity_decimal: String(quantity),
    description: describe(world, price, quantity),
  } satisfies Partial<InvoiceLine>);
  return added;
}

/** Returns the billed use of a metered price; null for another price. Negative usage is billed as 0. */
function billedQuantity(
  world: World,
  { recurring }: Price,
  customer: string | null,
  period: { start: number; end: number },
): number | null {
  const meter = recurring?.usage_type === 'metered' ? recurring.meter : null;
  if (meter === null || customer === null) return null;
  return Math.max(0, usageIn(world, { meter, customer, ...period }));
}

function describe(world: World, price: Price, quantity: number): string {
  return `${quantity} × ${world.tables.products.get(price.product)?.name ?? price.product}`;
}
