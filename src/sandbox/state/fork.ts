import type { Table } from './table.ts';
import type { Tables } from './tables.ts';
import { newWorld, type World } from './world.ts';

/**
 * Returns a copy of a world that contains one customer. What happens in the copy changes nothing in the
 * original and sends no webhooks, so a change can be tried out in it.
 */
export function forkCustomer(world: World, customer: string): World {
  const fork = newWorld({ ...world, onEvent: () => undefined });
  fork.baseUrl = world.baseUrl;
  fork.taxPercent = world.taxPercent;
  const from = world.tables;
  const to = fork.tables;
  copyCatalog(from, to);
  copyRow(from.customers, to.customers, customer);
  copyRow(from.wallets, to.wallets, customer);
  copyRow(from.entitlementSummaries, to.entitlementSummaries, customer);
  copyRows(to.discounts, from.discounts.where('customer', customer));
  copyRows(to.meterEvents, from.meterEvents.where('customer', customer));
  copyRows(to.schedules, from.schedules.where('customer', customer));
  const subscriptions = from.subscriptions.where('customer', customer);
  copyRows(to.subscriptions, subscriptions);
  for (const { id } of subscriptions) {
    copyRow(from.pendingUpdates, to.pendingUpdates, id);
    copyRow(from.trialNotices, to.trialNotices, id);
    copyRows(to.subscriptionItems, from.subscriptionItems.where('subscription', id));
    copyRows(to.invoiceLines, from.invoiceLines.where('waiting', id));
  }
  const invoices = from.invoices.where('customer', customer);
  copyRows(to.invoices, invoices);
  for (const { id } of invoices) {
    copyRows(to.invoiceLines, from.invoiceLines.where('invoice', id));
  }
  return fork;
}

function copyCatalog(from: Tables, to: Tables): void {
  copyRows(to.products, from.products.values());
  copyRows(to.prices, from.prices.values());
  copyRows(to.features, from.features.values());
  copyRows(to.productFeatures, from.productFeatures.values());
  copyRows(to.meters, from.meters.values());
  copyRows(to.coupons, from.coupons.values());
  copyRows(to.promotionCodes, from.promotionCodes.values());
}

function copyRow<T extends { id: string }>(
  from: ReadonlyMap<string, T>,
  to: Table<T, string>,
  id: string,
): void {
  const row = from.get(id);
  copyRows(to, row === undefined ? [] : [row]);
}

function copyRows<T extends { id: string }>(to: Table<T, string>, rows: Iterable<T>): void {
  for (const row of rows) {
    to.set(row.id, structuredClone(row));
  }
}
