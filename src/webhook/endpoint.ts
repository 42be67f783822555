import Stripe from 'stripe';
import { eventTypes } from './core/events.ts';

/** The path at which the service receives events. A proxy may add a prefix. */
export const webhookPath = '/api/v1/webhooks/stripe';

export interface Endpoint {
  id: string;
  url: string;
  /** The signing secret; null for an existing endpoint, because Stripe reveals it only on creation. */
  secret: string | null;
  /** Number of event types that the endpoint subscribes to. */
  types: number;
}

/**
 * Creates the webhook endpoint in Stripe, or updates the one with this URL, so that it is enabled and
 * subscribed to exactly the types in events.ts. Idempotent.
 *
 * @throws errors of the SDK; Error if Stripe has several endpoints with this URL.
 */
export async function putEndpoint(stripe: Stripe, url: string): Promise<Endpoint> {
  const all = await stripe.webhookEndpoints
    .list({ limit: 100 })
    .autoPagingToArray({ limit: 1_000 });
  const [existing, ...more] = all.filter((endpoint) => endpoint.url === url);
  if (more.length > 0) {
    const ids = [existing, ...more].map((endpoint) => endpoint?.id).join(', ');
    throw new Error(`Stripe has several endpoints with this URL (${ids}). Delete all but one.`);
  }
  const events = { enabled_events: [...eventTypes] };
  const endpoint =
    existing === undefined
      ? await stripe.webhookEndpoints.create({ url, api_version: Stripe.API_VERSION, ...events })
      : await stripe.webhookEndpoints.update(existing.id, { disabled: false, ...events });
  return {
    id: endpoint.id,
    url: endpoint.url,
    secret: endpoint.secret ?? null,
    types: endpoint.enabled_events.length,
  };
}
