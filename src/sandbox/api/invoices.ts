import { z } from 'zod';
import {
  collect,
  finalizeInvoice,
  markPaid,
  markUncollectible,
  subscriptionOf,
  voidInvoice,
  walletOutcome,
} from '../billing/collection.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging, pagingOnly } from '../http/list.ts';
import { flag, inert, range, text } from '../http/params.ts';
import { invoiceLines, render } from '../state/render.ts';
import type { Invoice } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid, StripeFault } from '../stripe-error.ts';
import { none, reads, subset } from './reads.ts';

const path = '/v1/invoices';

export const invoices: Endpoint[] = [
  ...reads({
    path,
    kind: 'invoice',
    table: (tables) => tables.invoices,
    filters: z.strictObject({
      ...paging,
      collection_method: text.optional(),
      created: range.optional(),
      customer: text.optional(),
      status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).optional(),
      subscription: text.optional(),
    }),
    matches: (invoice, filters, world) =>
      matches(filters.customer, invoice.customer) &&
      matches<string>(filters.status, invoice.status) &&
      matches<string>(filters.collection_method, invoice.collection_method) &&
      matches(filters.subscription, subscriptionOf(world, invoice)?.id),
    among: (tables, filters) =>
      subset(
        [filters.subscription, (id) => tables.invoices.where('subscription', id)],
        [filters.customer, (id) => tables.invoices.where('customer', id)],
      ),
  }),
  endpoint('GET', `${path}/:id/lines`, pagingOnly, (world, params, { id }) => {
    need(world.tables.invoices, 'invoice', id);
    return page(invoiceLines(world.tables, id), params, `${path}/${id}/lines`, (line) =>
      render(world.tables, line),
    );
  }),
  endpoint('POST', `${path}/:id/finalize`, none, (world, _params, { id }) => {
    const invoice = inStatus(world, id, ['draft']);
    finalizeInvoice(world, invoice);
    return render(world.tables, invoice);
  }),
  endpoint(
    'POST',
    `${path}/:id/pay`,
    z.strictObject({
      paid_out_of_band: flag.optional(),
      off_session: inert,
      payment_method: inert,
    }),
    (world, params, { id }) => {
      const invoice = inStatus(world, id, ['open', 'uncollectible']);
      if (params.paid_out_of_band === true) {
        markPaid(world, invoice);
        return render(world.tables, invoice);
      }
      const outcome = walletOutcome(world, invoice.customer);
      collect(world, invoice, outcome, false);
      if (outcome === 'declined') {
        throw new StripeFault(402, {
          type: 'card_error',
          code: 'card_declined',
          decline_code: 'generic_decline',
          message: 'Your card was declined.',
        });
      }
      return render(world.tables, invoice);
    },
  ),
  endpoint('POST', `${path}/:id/void`, none, (world, _params, { id }) => {
    const invoice = inStatus(world, id, ['open', 'uncollectible']);
    voidInvoice(world, invoice);
    return render(world.tables, invoice);
  }),
  endpoint('POST', `${path}/:id/mark_uncollectible`, none, (world, _params, { id }) => {
    const invoice = inStatus(world, id, ['open']);
    markUncollectible(world, invoice);
    return render(world.tables, invoice);
  }),
];

function inStatus(world: World, id: string, statuses: readonly string[]): Invoice {
  const invoice = need(world.tables.invoices, 'invoice', id);
  if (!statuses.includes(invoice.status ?? '')) {
    throw invalid(`The invoice's status is ${String(invoice.status)}.`, 'invoice_not_editable');
  }
  return invoice;
}

export const invoicePayments: Endpoint[] = reads({
  path: '/v1/invoice_payments',
  kind: 'invoice_payment',
  table: (tables) => tables.invoicePayments,
  filters: z.strictObject({
    ...paging,
    created: range.optional(),
    invoice: text.optional(),
    payment: z
      .strictObject({
        type: z.enum(['charge', 'payment_intent', 'payment_record']),
        charge: text.optional(),
        payment_intent: text.optional(),
        payment_record: text.optional(),
      })
      .optional(),
    status: z.enum(['canceled', 'open', 'paid']).optional(),
  }),
  matches: (payment, filters) =>
    matches(filters.invoice, payment.invoice) &&
    matches<string>(filters.status, payment.status) &&
    matches<string>(filters.payment?.type, payment.payment.type) &&
    matches(filters.payment?.payment_intent, payment.payment.payment_intent) &&
    matches(filters.payment?.charge, payment.payment.charge),
  among: (tables, filters) =>
    subset(
      [filters.invoice, (id) => tables.invoicePayments.where('invoice', id)],
      [filters.payment?.payment_intent, (id) => tables.invoicePayments.where('intent', id)],
    ),
});
