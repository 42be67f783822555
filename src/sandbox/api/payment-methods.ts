import { z } from 'zod';
import {
  attachMethod,
  detachMethod,
  methodOf,
  methodOfIban,
  methodOfToken,
} from '../billing/test-methods.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import { inert, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { none, reads } from './reads.ts';

const path = '/v1/payment_methods';

/**
 * The parameters for a new payment method: a test card's token or an IBAN. Like Stripe by default, the
 * sandbox rejects raw card numbers.
 */
const creation = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('card'),
    card: z.strictObject({ token: text }),
    billing_details: inert,
    metadata: metadata.optional(),
  }),
  z.strictObject({
    type: z.literal('sepa_debit'),
    sepa_debit: z.strictObject({ iban: text }),
    billing_details: inert,
    metadata: metadata.optional(),
  }),
]);

export const paymentMethods: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const method =
      params.type === 'card'
        ? methodOfToken(world, params.card.token)
        : methodOfIban(world, params.sepa_debit.iban);
    method.metadata = mergedMetadata({}, params.metadata);
    return render(world.tables, method);
  }),
  ...reads({
    path,
    kind: 'PaymentMethod',
    table: (tables) => tables.paymentMethods,
    filters: z.strictObject({
      ...paging,
      created: range.optional(),
      customer: text.optional(),
      type: text.optional(),
    }),
    matches: (method, { customer, type }) =>
      matches(customer, method.customer) && matches<string>(type, method.type),
  }),
  endpoint(
    'POST',
    `${path}/:id/attach`,
    z.strictObject({ customer: text }),
    (world, params, { id }) => {
      const customer = need(world.tables.customers, 'customer', params.customer, 'customer', 400);
      const method = methodOf(world, id, 404);
      attachMethod(world, method, customer);
      return render(world.tables, method);
    },
  ),
  endpoint('POST', `${path}/:id/detach`, none, (world, _params, { id }) => {
    const method = methodOf(world, id, 404);
    detachMethod(world, method);
    return render(world.tables, method);
  }),
];
