import { z } from 'zod';
import { refundCharge } from '../billing/refund.ts';
import { moveDispute, submitEvidence } from '../billing/dispute.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import { flag, inert, integer, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { change } from '../state/events.ts';
import { render } from '../state/render.ts';
import type { Charge } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { none, reads, subset } from './reads.ts';

const metadataOnly = z.strictObject({ metadata: metadata.optional() });

export const charges: Endpoint[] = [
  ...reads({
    path: '/v1/charges',
    kind: 'charge',
    table: (tables) => tables.charges,
    filters: z.strictObject({
      ...paging,
      created: range.optional(),
      customer: text.optional(),
      payment_intent: text.optional(),
    }),
    matches: (charge, filters) =>
      matches(filters.customer, charge.customer) &&
      matches(filters.payment_intent, charge.payment_intent),
    among: (tables, filters) =>
      subset(
        [filters.payment_intent, (id) => tables.charges.where('intent', id)],
        [filters.customer, (id) => tables.charges.where('customer', id)],
      ),
  }),
  endpoint('POST', '/v1/charges/:id', metadataOnly, (world, params, { id }) => {
    const charge = need(world.tables.charges, 'charge', id);
    change(world, 'charge.updated', charge, () => {
      charge.metadata = mergedMetadata(charge.metadata, params.metadata);
    });
    return render(world.tables, charge);
  }),
];

export const balanceTransactions: Endpoint[] = reads({
  path: '/v1/balance_transactions',
  kind: 'balance transaction',
  table: (tables) => tables.balanceTransactions,
  filters: z.strictObject({ ...paging, created: range.optional(), source: text.optional() }),
  matches: (transaction, { source }) => matches(source, transaction.source),
  among: (tables, { source }) =>
    subset([source, (id) => tables.balanceTransactions.where('source', id)]),
});

const byCharge = z.strictObject({
  ...paging,
  charge: text.optional(),
  created: range.optional(),
  payment_intent: text.optional(),
});

export const refunds: Endpoint[] = [
  endpoint(
    'POST',
    '/v1/refunds',
    z.strictObject({
      amount: integer.optional(),
      charge: text.optional(),
      payment_intent: text.optional(),
      reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
      metadata: metadata.optional(),
    }),
    (world, params) => {
      const charge = chargeOf(world, params.charge, params.payment_intent);
      const refund = refundCharge(world, charge, {
        amount: params.amount ?? null,
        reason: params.reason ?? null,
        metadata: mergedMetadata({}, params.metadata),
      });
      return render(world.tables, refund);
    },
  ),
  endpoint('POST', '/v1/refunds/:id', metadataOnly, (world, params, { id }) => {
    const refund = need(world.tables.refunds, 'refund', id);
    change(world, 'refund.updated', refund, () => {
      refund.metadata = mergedMetadata(refund.metadata ?? {}, params.metadata);
    });
    return render(world.tables, refund);
  }),
  ...reads({
    path: '/v1/refunds',
    kind: 'refund',
    table: (tables) => tables.refunds,
    filters: byCharge,
    matches: (refund, filters) =>
      matches(filters.charge, refund.charge) &&
      matches(filters.payment_intent, refund.payment_intent),
    among: (tables, filters) =>
      subset(
        [filters.charge, (id) => tables.refunds.where('charge', id)],
        [filters.payment_intent, (id) => tables.refunds.where('intent', id)],
      ),
  }),
];

function chargeOf(
  world: World,
  chargeId: string | undefined,
  intentId: string | undefined,
): Charge {
  if (chargeId !== undefined) {
    return need(world.tables.charges, 'charge', chargeId, 'charge', 400);
  }
  if (intentId === undefined) {
    throw invalid(
      'Missing required param: pass `charge` or `payment_intent`.',
      'parameter_missing',
      'charge',
    );
  }
  const intent = need(
    world.tables.paymentIntents,
    'payment_intent',
    intentId,
    'payment_intent',
    400,
  );
  return need(world.tables.charges, 'charge', intent.latest_charge ?? '', 'payment_intent', 400);
}

export const disputes: Endpoint[] = [
  ...reads({
    path: '/v1/disputes',
    kind: 'dispute',
    table: (tables) => tables.disputes,
    filters: byCharge,
    matches: (dispute, filters) =>
      matches(filters.charge, dispute.charge) &&
      matches(filters.payment_intent, dispute.payment_intent),
    among: (tables, filters) =>
      subset(
        [filters.charge, (id) => tables.disputes.where('charge', id)],
        [filters.payment_intent, (id) => tables.disputes.where('intent', id)],
      ),
  }),
  endpoint(
    'POST',
    '/v1/disputes/:id',
    z.strictObject({ evidence: inert, metadata: metadata.optional(), submit: flag.optional() }),
    (world, params, { id }) => {
      const dispute = need(world.tables.disputes, 'dispute', id);
      change(world, 'charge.dispute.updated', dispute, () => {
        dispute.metadata = mergedMetadata(dispute.metadata, params.metadata);
      });
      if (params.evidence !== undefined && params.submit !== false) {
        submitEvidence(world, dispute);
      }
      return render(world.tables, dispute);
    },
  ),
  endpoint('POST', '/v1/disputes/:id/close', none, (world, _params, { id }) => {
    const dispute = need(world.tables.disputes, 'dispute', id);
    // Closing an inquiry never withdraws money, even if it was not answered.
    moveDispute(world, dispute, dispute.status.startsWith('warning_') ? 'warning_closed' : 'lost');
    return render(world.tables, dispute);
  }),
];
