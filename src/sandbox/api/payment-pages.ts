import { z } from 'zod';
import { behaviorOf, declined, methodOf } from '../billing/test-methods.ts';
import { paySession, type Card } from '../checkout/session-payment.ts';
import { pendingIntentOf, settlePayment } from '../checkout/settlement.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { inert, integer, text } from '../http/params.ts';
import { render } from '../state/render.ts';
import type { MethodBehavior } from '../state/tables.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { none } from './reads.ts';

const path = '/v1/payment_pages';

const cardOf: Readonly<Record<MethodBehavior, Card>> = {
  pays: 'ok',
  declines: 'declined',
  fails_later: 'declined',
  asks_the_buyer: 'declined',
  is_disputed: 'ok',
  is_inquired: 'ok',
  debit_pays: 'async_success',
  debit_fails: 'async_failure',
};

/** The API behind a Checkout Session's payment page, which browsers and the Stripe CLI use. */
export const paymentPages: Endpoint[] = [
  endpoint('GET', `${path}/:id`, none, (world, _params, { id }) =>
    render(world.tables, need(world.tables.sessions, 'checkout.session', id)),
  ),
  endpoint(
    'POST',
    `${path}/:id/confirm`,
    z.strictObject({ payment_method: text, expected_amount: integer, return_url: inert }),
    (world, params, { id }) => {
      const session = need(world.tables.sessions, 'checkout.session', id);
      if (params.expected_amount !== session.amount_total) {
        throw invalid(
          'The amount has changed. Retrieve the Checkout Session and confirm its current `amount_total`.',
          'checkout_amount_mismatch',
          'expected_amount',
        );
      }
      const behavior = behaviorOf(world, methodOf(world, params.payment_method));
      paySession(world, session, cardOf[behavior], undefined);
      if (session.status !== 'complete') throw declined();
      // Bank debits from test accounts settle almost immediately.
      const pending = pendingIntentOf(world, session);
      if (pending !== undefined) settlePayment(world, pending, behavior === 'debit_pays');
      return render(world.tables, session);
    },
  ),
];
