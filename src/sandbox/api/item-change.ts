import type { z } from 'zod';
import type { ItemChange } from '../billing/plan-change.ts';
import type { PricedQuantity } from '../billing/new-subscription.ts';
import type { Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import type { subscriptionItem } from './subscription-params.ts';

type ItemParams = z.output<typeof subscriptionItem>;

/** Returns the validated price and quantity of an `items` entry. */
export function pricedItem(world: World, params: ItemParams, index: number): PricedQuantity {
  const param = `items[${index}][price]`;
  if (params.price === undefined) {
    throw invalid(`Missing required param: ${param}.`, 'parameter_missing', param);
  }
  const price = need(world.tables.prices, 'price', params.price, param, 400);
  if (price.recurring === null) {
    throw invalid(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      undefined,
      param,
    );
  }
  const metered = price.recurring.usage_type === 'metered';
  return { price, quantity: metered ? null : (params.quantity ?? 1) };
}

/**
 * Returns the change that an `items` entry requests. An entry with an id changes or removes that item; an
 * entry without an id adds one.
 */
export function itemChange(
  world: World,
  subscription: Subscription,
  params: ItemParams,
  index: number,
): ItemChange {
  if (params.id === undefined) {
    return { kind: 'add', item: pricedItem(world, params, index) };
  }
  const item = need(world.tables.subscriptionItems, 'subscription item', params.id, 'items', 400);
  if (item.subscription !== subscription.id) {
    throw invalid(
      `Subscription item ${item.id} belongs to another subscription. Pass one of this subscription's items.`,
    );
  }
  if (params.deleted === true) {
    return { kind: 'remove', item };
  }
  const priced = pricedItem(
    world,
    { ...params, price: params.price ?? item.price, quantity: params.quantity ?? item.quantity },
    index,
  );
  return { kind: 'set', item, ...priced };
}
