import Stripe from 'stripe';
import { testStart, webhookSecret } from '../../helpers/service.ts';
import type { Ask } from './route-sample.ts';

/** An event as Stripe posts it, signed at the instant at which the tests' clock stands. */
export function signedEvent(event: object): Ask {
  return signedPayload(
    JSON.stringify({
      object: 'event',
      created: testStart / 1000,
      livemode: false,
      api_version: '2026-10-28.endive',
      data: { object: { id: 'sub_1', object: 'subscription' } },
      ...event,
    }),
  );
}

export function signedPayload(payload: string): Ask {
  const signature = Stripe.webhooks.generateTestHeaderString({
    payload,
    secret: webhookSecret,
    timestamp: testStart / 1000,
  });
  return { body: payload, headers: { 'stripe-signature': signature } };
}
