import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { page, paging } from '../http/list.ts';
import { inert, integer, text } from '../http/params.ts';
import { render, subscriptionItems as itemsOf } from '../state/render.ts';
import { need, type World } from '../state/world.ts';
import { toJson, type JsonObject } from '../wire.ts';
import { none } from './reads.ts';
import { paymentBehavior, proration } from './subscription-params.ts';
import { updateSubscription } from './subscription-update.ts';

const path = '/v1/subscription_items';

const priced = {
  quantity: integer.optional(),
  proration_behavior: proration,
  proration_date: integer.optional(),
  payment_behavior: paymentBehavior,
};

export const subscriptionItemEndpoints: Endpoint[] = [
  endpoint('GET', path, z.strictObject({ ...paging, subscription: text }), (world, params) => {
    need(world.tables.subscriptions, 'subscription', params.subscription, 'subscription', 400);
    return page(itemsOf(world.tables, params.subscription), params, path, (item) =>
      render(world.tables, item),
    );
  }),
  endpoint(
    'POST',
    path,
    z.strictObject({ ...priced, metadata: inert, subscription: text, price: text }),
    (world, params) => {
      const { subscription: id, price, quantity, metadata, ...terms } = params;
      const { subscriptions } = world.tables;
      const subscription = need(subscriptions, 'subscription', id, 'subscription', 400);
      updateSubscription(world, subscription, { ...terms, items: [{ price, quantity, metadata }] });
      const added = itemsOf(world.tables, id).at(-1);
      return renderItem(world, added?.id ?? '');
    },
  ),
  endpoint('GET', `${path}/:id`, none, (world, _params, { id }) => renderItem(world, id)),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({ ...priced, metadata: inert, price: text.optional() }),
    (world, params, { id }) => {
      const item = need(world.tables.subscriptionItems, 'subscription item', id);
      const subscription = need(world.tables.subscriptions, 'subscription', item.subscription);
      const { price, quantity, metadata, ...terms } = params;
      updateSubscription(world, subscription, {
        ...terms,
        items: [{ id, price, quantity, metadata }],
      });
      return renderItem(world, id);
    },
  ),
  endpoint(
    'DELETE',
    `${path}/:id`,
    z.strictObject({ proration_behavior: proration, proration_date: integer.optional() }),
    (world, params, { id }) => {
      const item = need(world.tables.subscriptionItems, 'subscription item', id);
      const subscription = need(world.tables.subscriptions, 'subscription', item.subscription);
      updateSubscription(world, subscription, { ...params, items: [{ id, deleted: true }] });
      return toJson({ id, object: 'subscription_item', deleted: true });
    },
  ),
];

function renderItem(world: World, id: string): JsonObject {
  return render(world.tables, need(world.tables.subscriptionItems, 'subscription item', id));
}
