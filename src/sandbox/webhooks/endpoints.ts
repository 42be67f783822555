import Stripe from 'stripe';
import { newId } from '../state/ids.ts';
import type { WebhookEndpoint } from '../state/tables.ts';
import type { World } from '../state/world.ts';

export interface EndpointRequest {
  url: string;
  secret: string;
  enabledEvents: readonly string[];
  /** The API version of the events. Defaults to the version that the SDK pins. */
  apiVersion?: string | undefined;
  thin?: boolean | undefined;
  description?: string | null;
  metadata?: Record<string, string>;
}

/** Adds a webhook endpoint, or replaces the one with the same URL and secret. */
export function addEndpoint(world: World, request: EndpointRequest): WebhookEndpoint {
  const same = [...world.tables.webhookEndpoints.values()].find(
    ({ url, secret }) => url === request.url && secret === request.secret,
  );
  const endpoint: WebhookEndpoint = {
    id: same?.id ?? newId('we'),
    object: 'webhook_endpoint',
    api_version: request.apiVersion ?? Stripe.API_VERSION,
    application: null,
    created: same?.created ?? world.clock.seconds(),
    description: request.description ?? null,
    enabled_events: [...request.enabledEvents],
    livemode: false,
    metadata: request.metadata ?? {},
    secret: request.secret,
    status: 'enabled',
    url: request.url,
    thin: request.thin ?? false,
  };
  world.tables.webhookEndpoints.set(endpoint.id, endpoint);
  return endpoint;
}
