import { toPriceRow, toProductRow } from '../../catalog/core/from-stripe.ts';
import { applyPrices, applyProducts } from '../../catalog/store.ts';
import { retrievePrice } from '../../catalog/whole-price.ts';
import { reference } from '../core/from-stripe.ts';
import { type FollowedObject, related, whereIn } from './followed-object.ts';

export const product: FollowedObject<'product'> = {
  async fetch(stripe, snapshot, id) {
    snapshot.product.push(toProductRow(await stripe.products.retrieve(id)));
  },
  links: () => ({}),
  async store(tx, row) {
    await applyProducts(tx, [row]);
    return [];
  },
  load: (tx, rows) => tx.product.findMany(whereIn(rows)),
  ofCustomer: null,
  deletedRow: (id) => ({ id, deleted: true }),
};

/** A price, fetched with its product because the price's row references the product's row. */
export const price: FollowedObject<'price'> = {
  async fetch(stripe, snapshot, id) {
    const price = await retrievePrice(stripe, id);
    snapshot.product.push(toProductRow(await stripe.products.retrieve(reference(price.product))));
    snapshot.price.push(toPriceRow(price));
  },
  links: (row) => ({ related: row.deleted ? [] : related('product', row.productId) }),
  async store(tx, row) {
    await applyPrices(tx, [row]);
    return [];
  },
  load: (tx, rows) => tx.price.findMany(whereIn(rows)),
  ofCustomer: null,
  deletedRow: (id) => ({ id, deleted: true }),
};
