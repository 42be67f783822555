import { z } from 'zod';
import { addPrice } from '../catalog/price.ts';
import { addProduct } from '../catalog/product.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging, pagingOnly } from '../http/list.ts';
import {
  clearable,
  flag,
  inert,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { priceFields } from './prices.ts';
import { none, reads } from './reads.ts';

const path = '/v1/products';

const fields = {
  active: flag.optional(),
  description: clearable(text).optional(),
  metadata: metadata.optional(),
  images: inert,
  marketing_features: inert,
  package_dimensions: inert,
  shippable: inert,
  statement_descriptor: inert,
  tax_code: inert,
  unit_label: inert,
  url: inert,
};

const creation = z.strictObject({
  ...fields,
  name: text,
  id: text.optional(),
  default_price_data: z.strictObject(priceFields).optional(),
});

const update = z.strictObject({
  ...fields,
  name: text.optional(),
  default_price: clearable(text).optional(),
});

export const products: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    if (params.id !== undefined && world.tables.products.has(params.id)) {
      throw invalid(`Product already exists.`, 'resource_already_exists', 'id');
    }
    const product = addProduct(world, {
      ...(params.id === undefined ? {} : { id: params.id }),
      name: params.name,
      active: params.active ?? true,
      description: params.description ?? null,
      metadata: mergedMetadata({}, params.metadata),
    });
    if (params.default_price_data !== undefined) {
      product.default_price = addPrice(world, product, params.default_price_data).id;
    }
    return render(world.tables, product);
  }),
  ...reads({
    path,
    kind: 'product',
    table: (tables) => tables.products,
    filters: z.strictObject({
      ...paging,
      active: flag.optional(),
      created: range.optional(),
      ids: listOf(text).optional(),
    }),
    matches: (product, { active, ids }) =>
      matches(active, product.active) && (ids === undefined || ids.includes(product.id)),
  }),
  endpoint('POST', `${path}/:id`, update, (world, params, { id }) => {
    const product = need(world.tables.products, 'product', id);
    change(world, 'product.updated', product, () => {
      product.name = params.name ?? product.name;
      product.active = params.active ?? product.active;
      product.description =
        params.description === undefined ? product.description : params.description;
      product.metadata = mergedMetadata(product.metadata, params.metadata);
      if (params.default_price !== undefined) {
        product.default_price = params.default_price;
      }
      product.updated = world.clock.seconds();
    });
    return render(world.tables, product);
  }),
  endpoint('DELETE', `${path}/:id`, none, (world, _params, { id }) => {
    const product = need(world.tables.products, 'product', id);
    if (world.tables.prices.where('product', id).length > 0) {
      throw invalid(
        'This product cannot be deleted because it has one or more user-created prices.',
      );
    }
    world.tables.products.delete(id);
    world.tables.deleted.set(id, { id, object: 'product', deleted: true });
    emit(world, 'product.deleted', product);
    return toJson({ id, object: 'product', deleted: true });
  }),
];

const features = `${path}/:id/features`;

/** The routes for a product's features. Stripe sends no event when a feature is attached or detached. */
export const productFeatures: Endpoint[] = [
  endpoint(
    'POST',
    features,
    z.strictObject({ entitlement_feature: text }),
    (world, params, { id }) => {
      const product = need(world.tables.products, 'product', id);
      const feature = need(
        world.tables.features,
        'feature',
        params.entitlement_feature,
        'entitlement_feature',
        400,
      );
      const attached = {
        id: newId('prodft'),
        object: 'product_feature' as const,
        livemode: false,
        product: product.id,
        feature: feature.id,
      };
      world.tables.productFeatures.set(attached.id, attached);
      return render(world.tables, attached);
    },
  ),
  endpoint('GET', features, pagingOnly, (world, params, { id }) => {
    need(world.tables.products, 'product', id);
    return page(
      world.tables.productFeatures.where('product', id),
      params,
      `${path}/${id}/features`,
      (attached) => render(world.tables, attached),
    );
  }),
  endpoint('GET', `${features}/:child`, none, (world, _params, { child }) =>
    render(world.tables, need(world.tables.productFeatures, 'product feature', child)),
  ),
  endpoint('DELETE', `${features}/:child`, none, (world, _params, { child }) => {
    need(world.tables.productFeatures, 'product feature', child);
    world.tables.productFeatures.delete(child);
    return toJson({ id: child, object: 'product_feature', deleted: true });
  }),
];
