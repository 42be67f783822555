import Stripe from 'stripe';
import { vi } from 'vitest';
import { eventTypes } from '../../src/webhook/core/events.ts';
import { type TestResponse, webhookSecret } from '../helpers/service.ts';
import type { Shop } from '../helpers/shop.ts';

/* Events and answers of Stripe that the sandbox does not produce. */

/**
 * Makes the sandbox send only the events that the operator selects at Stripe, so that every scenario shows
 * that they are sufficient.
 *
 * @param apiVersion of their shapes; absent: the current one.
 */
export function selectEvents({ sandbox }: Shop, apiVersion?: string): void {
  const [endpoint] = sandbox.objects('webhookEndpoints').webhookEndpoints;
  if (endpoint === undefined) throw new Error('the shop has no endpoint');
  sandbox.addEndpoint({
    url: endpoint.url,
    secret: webhookSecret,
    enabledEvents: [...eventTypes],
    ...(apiVersion === undefined ? {} : { apiVersion }),
  });
}

/** Until mocks are restored, Stripe shows the service a subscription with these fields instead of its own. */
export function tellOfSubscription(
  shop: Shop,
  id: string,
  fields: Partial<Stripe.Subscription>,
): void {
  for (const { subscriptions } of clientsOf(shop)) {
    vi.spyOn(subscriptions, 'retrieve').mockImplementation(async (asked) => {
      const told = await shop.stripe.subscriptions.retrieve(asked);
      return asked === id ? { ...told, ...fields } : told;
    });
  }
}

/** Does the same for a dispute. */
export function tellOfDispute(shop: Shop, id: string, fields: Partial<Stripe.Dispute>): void {
  for (const { disputes } of clientsOf(shop)) {
    vi.spyOn(disputes, 'retrieve').mockImplementation(async (asked) => {
      const told = await shop.stripe.disputes.retrieve(asked);
      return asked === id ? { ...told, ...fields } : told;
    });
  }
}

/** Does the same for the refunds of a charge. */
export function tellOfRefunds(shop: Shop, id: string, fields: Partial<Stripe.Refund>): void {
  for (const { charges } of clientsOf(shop)) {
    vi.spyOn(charges, 'retrieve').mockImplementation(async (asked) => {
      const told = await shop.stripe.charges.retrieve(asked, { expand: ['refunds'] });
      if (asked === id)
        for (const refund of told.refunds?.data ?? []) Object.assign(refund, fields);
      return told;
    });
  }
}

/** Until mocks are restored, Stripe knows no prices, as if they had been deleted. */
export function forgetPrices(shop: Shop): void {
  const error = new Stripe.errors.StripeInvalidRequestError({
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: 'No such price',
  });
  for (const { prices } of clientsOf(shop)) vi.spyOn(prices, 'retrieve').mockRejectedValue(error);
}

/** The service's Stripe clients: for buyers, and in the background. */
function clientsOf({ service }: Shop): Stripe[] {
  return [service.deps.stripe, service.deps.stripeInBackground];
}

interface News {
  type: string;
  object: object;
  id?: string;
  livemode?: boolean;
  account?: string;
  api_version?: string;
}

let written = 0;

/** Posts a signed event, as Stripe would, and syncs. */
export async function post(shop: Shop, { object, ...news }: News): Promise<TestResponse> {
  written += 1;
  const answer = await postBody(shop, {
    id: `evt_written_${written}`,
    object: 'event',
    created: Math.floor(shop.service.clock.now() / 1_000),
    livemode: false,
    api_version: '2026-10-28.endive',
    data: { object },
    ...news,
  });
  await shop.service.runWorker();
  return answer;
}

/** Posts a body under a valid signature. */
export function postBody(shop: Shop, body: object): Promise<TestResponse> {
  const payload = JSON.stringify(body);
  return shop.service.request('POST', '/webhooks/stripe', {
    body: payload,
    headers: {
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({
        payload,
        secret: webhookSecret,
        timestamp: Math.floor(shop.service.clock.now() / 1_000),
      }),
    },
  });
}

/** Sends another event of a subscription, so that it is fetched. */
export async function tellAgain(shop: Shop, { id }: { id: string }): Promise<void> {
  await post(shop, {
    type: 'customer.subscription.updated',
    object: { id, object: 'subscription' },
  });
}
