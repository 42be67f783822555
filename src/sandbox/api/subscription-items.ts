import { z } from 'zod';
import { changeItems, type ItemChange } from '../billing/plan-change.ts';
import type { PricedQuantity } from '../billing/new-subscription.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { page, paging } from '../http/list.ts';
import { flag, inert, integer, text } from '../http/params.ts';
import { render, subscriptionItems as itemsOf } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { none } from './reads.ts';

/** An entry of a subscription's `items`. */
export const subscriptionItem = z.strictObject({
  id: text.optional(),
  price: text.optional(),
  quantity: integer.optional(),
  deleted: flag.optional(),
  metadata: inert,
});

type ItemParams = z.output<typeof subscriptionItem>;

/** A new item's price and quantity. */
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

/** What an entry of `items` asks for: with an id the change of an item, without one a new one. */
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
    throw invalid(`Subscription item ${item.id} belongs to another subscription.`);
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

const path = '/v1/subscription_items';

const proration = z.enum(['always_invoice', 'create_prorations', 'none']).optional();

export const subscriptionItemEndpoints: Endpoint[] = [
  endpoint('GET', path, z.strictObject({ ...paging, subscription: text }), (world, params) => {
    need(world.tables.subscriptions, 'subscription', params.subscription, 'subscription', 400);
    return page(itemsOf(world.tables, params.subscription), params, path, (item) =>
      render(world.tables, item),
    );
  }),
  endpoint('GET', `${path}/:id`, none, (world, _params, { id }) =>
    render(world.tables, need(world.tables.subscriptionItems, 'subscription item', id)),
  ),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({
      price: text.optional(),
      quantity: integer.optional(),
      proration_behavior: proration,
      metadata: inert,
    }),
    (world, params, { id }) => {
      const item = need(world.tables.subscriptionItems, 'subscription item', id);
      const subscription = need(world.tables.subscriptions, 'subscription', item.subscription);
      const { price, quantity } = params;
      changeItems(
        world,
        subscription,
        [itemChange(world, subscription, { id, price, quantity }, 0)],
        params.proration_behavior ?? 'create_prorations',
      );
      return render(world.tables, item);
    },
  ),
  endpoint(
    'DELETE',
    `${path}/:id`,
    z.strictObject({ proration_behavior: proration }),
    (world, params, { id }) => {
      const item = need(world.tables.subscriptionItems, 'subscription item', id);
      const subscription = need(world.tables.subscriptions, 'subscription', item.subscription);
      if (itemsOf(world.tables, subscription.id).length === 1) {
        throw invalid('A subscription must have at least one active plan.');
      }
      changeItems(
        world,
        subscription,
        [{ kind: 'remove', item }],
        params.proration_behavior ?? 'create_prorations',
      );
      return toJson({ id, object: 'subscription_item', deleted: true });
    },
  ),
];
