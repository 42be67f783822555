import { z } from 'zod';
import {
  askBuyer,
  collect,
  finalizeInvoice,
  markPaid,
  markUncollectible,
  subscriptionOf,
  voidInvoice,
  walletOutcome,
} from '../billing/collection.ts';
import { createInvoice } from '../billing/invoice-draft.ts';
import { behaviorOf, declined, methodOf, outcomeOfMethod } from '../billing/test-methods.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging, pagingOnly } from '../http/list.ts';
import { clearable, flag, inert, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { invoiceLines, render } from '../state/render.ts';
import type { Invoice } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid, StripeFault } from '../stripe-error.ts';
import { invoicePreview } from './invoice-preview.ts';
import { none, reads, subset } from './reads.ts';

const path = '/v1/invoices';

export const invoices: Endpoint[] = [
  invoicePreview,
  endpoint(
    'POST',
    path,
    z.strictObject({
      customer: text,
      currency: text.optional(),
      description: clearable(text).optional(),
      metadata: metadata.optional(),
      pending_invoice_items_behavior: z.enum(['exclude', 'include']).optional(),
      auto_advance: z.literal('false').optional(),
      collection_method: z.literal('charge_automatically').optional(),
    }),
    (world, params) => {
      const { id } = need(world.tables.customers, 'customer', params.customer, 'customer', 400);
      const waiting =
        params.pending_invoice_items_behavior === 'include'
          ? world.tables.invoiceItems.where('customer', id)
          : [];
      const currency = params.currency ?? waiting[0]?.currency ?? 'usd';
      const items = waiting.filter((item) => item.invoice === null && item.currency === currency);
      const invoice = createInvoice(world, {
        customer: id,
        currency,
        reason: 'manual',
        subscription: null,
        discounts: [],
        metadata: mergedMetadata({}, params.metadata),
        lines: items.map((item) => ({
          amount: item.amount,
          currency,
          description: item.description,
          price: null,
          quantity: item.quantity,
          period: item.period,
          item: null,
          proration: false,
        })),
        draftUntil: null,
      });
      invoice.description = params.description ?? null;
      for (const item of items) item.invoice = invoice.id;
      return render(world.tables, invoice);
    },
  ),
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
    const previewed = world.previews.get(id);
    if (previewed === undefined) need(world.tables.invoices, 'invoice', id);
    return page(
      previewed ?? invoiceLines(world.tables, id),
      params,
      `${path}/${id}/lines`,
      (line) => render(world.tables, line),
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
      payment_method: text.optional(),
    }),
    (world, params, { id }) => {
      const invoice = inStatus(world, id, ['draft', 'open', 'uncollectible']);
      if (invoice.status === 'draft') finalizeInvoice(world, invoice);
      if (params.paid_out_of_band === true) markPaid(world, invoice);
      else payInvoice(world, invoice, params.payment_method);
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

function payInvoice(world: World, invoice: Invoice, methodId: string | undefined): void {
  const method = methodId === undefined ? undefined : methodOf(world, methodId);
  if (method !== undefined && behaviorOf(world, method) === 'asks_the_buyer') {
    askBuyer(world, invoice, method.id);
    throw new StripeFault(402, {
      type: 'card_error',
      code: 'invoice_payment_intent_requires_action',
      message:
        'This payment requires additional user action before it can be completed successfully.',
    });
  }
  const outcome =
    method === undefined ? walletOutcome(world, invoice.customer) : outcomeOfMethod(world, method);
  collect(world, invoice, outcome, false);
  if (outcome === 'declined') throw declined();
}

function inStatus(world: World, id: string, statuses: readonly string[]): Invoice {
  const invoice = need(world.tables.invoices, 'invoice', id);
  if (!statuses.includes(invoice.status ?? '')) {
    throw invalid(
      `This invoice's status is \`${String(invoice.status)}\`; it must be ${statuses.join(' or ')}.`,
      'invoice_not_editable',
    );
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
