import Stripe from 'stripe';
import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { newestFirst, page, paging, within } from '../http/list.ts';
import {
  clearable,
  flag,
  inert,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
} from '../http/params.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { addEndpoint } from '../webhooks/endpoints.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import { matchesType } from '../webhooks/webhook-faults.ts';
import { none, reads, retrieval } from './reads.ts';

export const account: Endpoint[] = [
  endpoint('GET', '/v1/account', none, (world) =>
    toJson({
      id: world.accountId,
      object: 'account',
      business_type: 'company',
      charges_enabled: true,
      country: 'US',
      default_currency: 'usd',
      details_submitted: true,
      email: 'owner@example.com',
      payouts_enabled: true,
      type: 'standard',
    }),
  ),
];

/** Events by type, time and whether every endpoint took them. */
export function events(deliveries: () => Deliveries): Endpoint[] {
  return [
    retrieval({ path: '/v1/events', kind: 'event', table: (tables) => tables.events }),
    endpoint(
      'GET',
      '/v1/events',
      z.strictObject({
        ...paging,
        created: range.optional(),
        delivery_success: flag.optional(),
        type: text.optional(),
        types: listOf(text).optional(),
      }),
      (world, params) => {
        if (params.type !== undefined && params.types !== undefined) {
          throw invalid('You may only specify one of type and types.', undefined, 'types');
        }
        const patterns = params.type === undefined ? params.types : [params.type];
        const found = newestFirst(world.tables.events).filter(
          (event) =>
            within(event.created, params.created) &&
            (patterns === undefined ||
              patterns.some((pattern) => matchesType(pattern, event.type))) &&
            (params.delivery_success === undefined ||
              deliveries().succeeded(event.id) === params.delivery_success),
        );
        return page(found, params, '/v1/events', (event) => render(world.tables, event));
      },
    ),
  ];
}

const endpointFields = {
  url: text,
  enabled_events: listOf(text),
  description: clearable(text).optional(),
  metadata: metadata.optional(),
};

const webhookPath = '/v1/webhook_endpoints';

export const webhookEndpoints: Endpoint[] = [
  endpoint(
    'POST',
    webhookPath,
    z.strictObject({
      ...endpointFields,
      api_version: z.literal(Stripe.API_VERSION).optional(),
      connect: inert,
    }),
    (world, params) =>
      toJson(
        addEndpoint(world, {
          url: params.url,
          secret: newId('whsec', 32),
          enabledEvents: params.enabled_events,
          description: params.description ?? null,
          metadata: mergedMetadata({}, params.metadata),
        }),
      ),
  ),
  ...reads({
    path: webhookPath,
    kind: 'webhook endpoint',
    table: (tables) => tables.webhookEndpoints,
    filters: z.strictObject(paging),
    matches: () => true,
  }),
  endpoint(
    'POST',
    `${webhookPath}/:id`,
    z.strictObject({
      url: text.optional(),
      enabled_events: listOf(text).optional(),
      description: clearable(text).optional(),
      disabled: flag.optional(),
      metadata: metadata.optional(),
    }),
    (world, params, { id }) => {
      const hook = need(world.tables.webhookEndpoints, 'webhook endpoint', id);
      hook.url = params.url ?? hook.url;
      hook.enabled_events = params.enabled_events ?? hook.enabled_events;
      hook.metadata = mergedMetadata(hook.metadata, params.metadata);
      if (params.description !== undefined) {
        hook.description = params.description;
      }
      if (params.disabled !== undefined) {
        hook.status = params.disabled ? 'disabled' : 'enabled';
      }
      return render(world.tables, hook);
    },
  ),
  endpoint('DELETE', `${webhookPath}/:id`, none, (world, _params, { id }) => {
    need(world.tables.webhookEndpoints, 'webhook endpoint', id);
    world.tables.webhookEndpoints.delete(id);
    return toJson({ id, object: 'webhook_endpoint', deleted: true });
  }),
];
