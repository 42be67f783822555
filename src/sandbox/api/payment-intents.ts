import { z } from 'zod';
import {
  attempt,
  cancelPaymentIntent,
  createPaymentIntent,
  requireAction,
} from '../billing/payment.ts';
import {
  behaviorOf,
  declined,
  disputeAtOnce,
  methodOf,
  outcomeOfMethod,
} from '../billing/test-methods.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import { flag, inert, integer, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { render } from '../state/render.ts';
import type { PaymentIntent } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { reads, subset } from './reads.ts';

const path = '/v1/payment_intents';

/**
 * The parameters for a new PaymentIntent. Payments are captured immediately: manual capture is not supported.
 */
const creation = z.strictObject({
  amount: integer,
  currency: text,
  capture_method: z.enum(['automatic', 'automatic_async']).optional(),
  confirm: flag.optional(),
  customer: text.optional(),
  description: text.optional(),
  metadata: metadata.optional(),
  payment_method: text.optional(),
  receipt_email: text.optional(),
  automatic_payment_methods: inert,
  confirmation_method: inert,
  off_session: inert,
  payment_method_options: inert,
  payment_method_types: inert,
  return_url: inert,
  setup_future_usage: inert,
  shipping: inert,
  statement_descriptor: inert,
  statement_descriptor_suffix: inert,
});

export const paymentIntents: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const { customer = null } = params;
    if (customer !== null) need(world.tables.customers, 'customer', customer, 'customer', 400);
    const intent = createPaymentIntent(world, {
      amount: params.amount,
      currency: params.currency.toLowerCase(),
      customer,
      metadata: mergedMetadata({}, params.metadata),
      description: params.description ?? null,
      email: params.receipt_email ?? null,
    });
    if (params.confirm === true) confirm(world, intent, params.payment_method);
    return render(world.tables, intent);
  }),
  ...reads({
    path,
    kind: 'payment_intent',
    table: (tables) => tables.paymentIntents,
    filters: z.strictObject({ ...paging, created: range.optional(), customer: text.optional() }),
    matches: (intent, { customer }) => matches(customer, intent.customer),
    among: (tables, { customer }) =>
      subset([customer, (id) => tables.paymentIntents.where('customer', id)]),
  }),
  endpoint(
    'POST',
    `${path}/:id/confirm`,
    z.strictObject({ payment_method: text.optional(), off_session: inert, return_url: inert }),
    (world, params, { id }) => {
      const intent = unpaid(world, id);
      confirm(world, intent, params.payment_method);
      return render(world.tables, intent);
    },
  ),
  endpoint(
    'POST',
    `${path}/:id/cancel`,
    z.strictObject({ cancellation_reason: inert }),
    (world, _params, { id }) => {
      const intent = unpaid(world, id);
      cancelPaymentIntent(world, intent);
      return render(world.tables, intent);
    },
  ),
];

function unpaid(world: World, id: string): PaymentIntent {
  const intent = need(world.tables.paymentIntents, 'payment_intent', id);
  if (intent.status === 'succeeded' || intent.status === 'canceled') {
    throw invalid(
      `This PaymentIntent has a status of ${intent.status}: it can no longer be confirmed or canceled.`,
      'payment_intent_unexpected_state',
    );
  }
  return intent;
}

function confirm(world: World, intent: PaymentIntent, methodId: string | undefined): void {
  if (methodId === undefined) {
    throw invalid(
      'You must provide a payment method. Pass `payment_method`, for example `pm_card_visa`.',
      'parameter_missing',
      'payment_method',
    );
  }
  const method = methodOf(world, methodId);
  if (behaviorOf(world, method) === 'asks_the_buyer') {
    requireAction(world, intent, method.id);
    return;
  }
  const outcome = outcomeOfMethod(world, method);
  const charge = attempt(world, intent, outcome, method.id);
  if (outcome === 'declined') throw declined();
  disputeAtOnce(world, method, charge);
}
