import type { Price } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { html, money, type Html } from './html.ts';

/** Returns a price's interval, such as `per month` or `every 3 months`. It is empty for a one-time price. */
export function rhythm({ recurring }: Pick<Price, 'recurring'>): string {
  if (recurring === null) return '';
  const { interval, interval_count: count } = recurring;
  return count === 1 ? `per ${interval}` : `every ${count} ${interval}s`;
}

/** Describes a price, such as `Pro, $12.00 per month`. */
export function priceLabel(world: World, price: Price): string {
  const cost = `${money(price.unit_amount ?? 0, price.currency)} ${rhythm(price)}`;
  return `${productName(world, price)}, ${cost.trimEnd()}`;
}

export function productName(world: World, price: Pick<Price, 'product'>): string {
  return world.tables.products.get(price.product)?.name ?? price.product;
}

const good: ReadonlySet<string> = new Set(['active', 'trialing', 'delivered']);
const over: ReadonlySet<string> = new Set(['canceled', 'incomplete_expired', 'pending']);

/** Renders a status in color: green if active or delivered, gray if ended or pending, otherwise red. */
export function statusMark(status: string): Html {
  const kind = good.has(status) ? 'good' : over.has(status) ? 'over' : 'bad';
  return html`<span class="mark ${kind}">${status.replaceAll('_', ' ')}</span>`;
}
