import { z } from 'zod';
import { addPrice, takeLookupKey } from '../catalog/price.ts';
import { addProduct } from '../catalog/product.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import {
  decimal,
  flag,
  inert,
  integer,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { change } from '../state/events.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { reads, subset } from './reads.ts';

const path = '/v1/prices';

const recurring = z.strictObject({
  interval: z.enum(['day', 'week', 'month', 'year']),
  interval_count: integer.optional(),
  usage_type: z.enum(['licensed', 'metered']).optional(),
  meter: text.optional(),
});

/** The parameters accepted by every route that creates a price. */
export const priceFields = {
  currency: text,
  unit_amount: integer.optional(),
  unit_amount_decimal: decimal.optional(),
  recurring: recurring.optional(),
  currency_options: z
    .record(z.string(), z.strictObject({ unit_amount: integer, tax_behavior: inert }))
    .optional(),
  metadata: metadata.optional(),
  tax_behavior: inert,
};

const changeable = {
  active: flag.optional(),
  lookup_key: text.optional(),
  transfer_lookup_key: flag.optional(),
  nickname: text.optional(),
  metadata: metadata.optional(),
  tax_behavior: inert,
};

const creation = z.strictObject({
  ...priceFields,
  ...changeable,
  billing_scheme: z.literal('per_unit').optional(),
  product: text.optional(),
  product_data: z
    .strictObject({ name: text, active: flag.optional(), metadata: metadata.optional() })
    .optional(),
});

export const prices: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const { product: productId, product_data: data } = params;
    if (productId === undefined && data === undefined) {
      throw invalid('Missing required param: product.', 'parameter_missing', 'product');
    }
    const product =
      data === undefined
        ? need(world.tables.products, 'product', productId ?? '', 'product', 400)
        : addProduct(world, {
            name: data.name,
            active: data.active ?? true,
            metadata: mergedMetadata({}, data.metadata),
          });
    return render(world.tables, addPrice(world, product, params));
  }),
  ...reads({
    path,
    kind: 'price',
    table: (tables) => tables.prices,
    filters: z.strictObject({
      ...paging,
      active: flag.optional(),
      created: range.optional(),
      currency: text.optional(),
      lookup_keys: listOf(text).optional(),
      product: text.optional(),
      type: z.enum(['one_time', 'recurring']).optional(),
    }),
    matches: (price, filters) =>
      matches(filters.active, price.active) &&
      matches(filters.currency, price.currency) &&
      matches(filters.product, price.product) &&
      matches<string>(filters.type, price.type) &&
      (filters.lookup_keys === undefined || filters.lookup_keys.includes(price.lookup_key ?? '')),
    among: (tables, { product }) => subset([product, (id) => tables.prices.where('product', id)]),
  }),
  endpoint('POST', `${path}/:id`, z.strictObject(changeable), (world, params, { id }) => {
    const price = need(world.tables.prices, 'price', id);
    if (params.lookup_key !== price.lookup_key) {
      takeLookupKey(world, params.lookup_key, params.transfer_lookup_key ?? false);
    }
    change(world, 'price.updated', price, () => {
      price.active = params.active ?? price.active;
      price.lookup_key = params.lookup_key ?? price.lookup_key;
      price.nickname = params.nickname ?? price.nickname;
      price.metadata = mergedMetadata(price.metadata, params.metadata);
    });
    world.tables.prices.set(id, price);
    return render(world.tables, price);
  }),
];
