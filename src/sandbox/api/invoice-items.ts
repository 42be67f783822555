import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import {
  clearable,
  inert,
  integer,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import type { InvoiceItem } from '../state/tables.ts';
import { need } from '../state/world.ts';
import { toJson } from '../wire.ts';
import { invalid } from '../stripe-error.ts';
import { none, reads, subset } from './reads.ts';

const path = '/v1/invoiceitems';

/** The routes for a customer's pending invoice items. */
export const invoiceItems: Endpoint[] = [
  endpoint(
    'POST',
    path,
    z.strictObject({
      customer: text,
      amount: integer,
      currency: text,
      description: clearable(text).optional(),
      metadata: metadata.optional(),
      discountable: inert,
    }),
    (world, params) => {
      const { id } = need(world.tables.customers, 'customer', params.customer, 'customer', 400);
      const now = world.clock.seconds();
      const item: InvoiceItem = {
        id: newId('ii'),
        object: 'invoiceitem',
        amount: params.amount,
        currency: params.currency.toLowerCase(),
        customer: id,
        customer_account: null,
        date: now,
        description: params.description ?? null,
        discountable: true,
        discounts: [],
        invoice: null,
        livemode: false,
        metadata: mergedMetadata({}, params.metadata),
        parent: null,
        period: { start: now, end: now },
        pricing: null,
        proration: false,
        quantity: 1,
        quantity_decimal: '1',
        tax_rates: [],
        test_clock: null,
      };
      world.tables.invoiceItems.set(item.id, item);
      emit(world, 'invoiceitem.created', item);
      return render(world.tables, item);
    },
  ),
  ...reads({
    path,
    kind: 'invoiceitem',
    table: (tables) => tables.invoiceItems,
    filters: z.strictObject({ ...paging, created: range.optional(), customer: text.optional() }),
    matches: (item, { customer }) => matches(customer, item.customer),
    among: (tables, { customer }) =>
      subset([customer, (id) => tables.invoiceItems.where('customer', id)]),
  }),
  endpoint('DELETE', `${path}/:id`, none, (world, _params, { id }) => {
    const item = need(world.tables.invoiceItems, 'invoiceitem', id);
    if (item.invoice !== null) {
      throw invalid(
        'This invoice item cannot be deleted because it is attached to an invoice.',
        'invoice_not_editable',
      );
    }
    world.tables.invoiceItems.delete(id);
    emit(world, 'invoiceitem.deleted', item);
    return toJson({ id, object: 'invoiceitem', deleted: true });
  }),
];
