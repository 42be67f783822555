import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Product } from '../state/tables.ts';
import type { World } from '../state/world.ts';

type ProductFields = Pick<Product, 'name'> &
  Partial<Pick<Product, 'id' | 'active' | 'description' | 'metadata'>>;

export function addProduct(world: World, fields: ProductFields): Product {
  const now = world.clock.seconds();
  const product: Product = {
    id: newId('prod', 14),
    object: 'product',
    active: true,
    created: now,
    default_price: null,
    description: null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: {},
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: 'service',
    unit_label: null,
    updated: now,
    url: null,
    ...fields,
  };
  world.tables.products.set(product.id, product);
  emit(world, 'product.created', product);
  return product;
}
