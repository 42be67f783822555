import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { pagingOnly } from '../http/list.ts';
import { clearable, flag, inert, listOf, mergedMetadata, metadata, text } from '../http/params.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { addEndpoint } from '../webhooks/endpoints.ts';
import { toJson } from '../wire.ts';
import { none, reads } from './reads.ts';

const endpointFields = {
  url: text,
  enabled_events: listOf(text),
  description: clearable(text).optional(),
  metadata: metadata.optional(),
};

const path = '/v1/webhook_endpoints';

export const webhookEndpoints: Endpoint[] = [
  endpoint(
    'POST',
    path,
    z.strictObject({
      ...endpointFields,
      api_version: text.regex(/^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/).optional(),
      connect: inert,
    }),
    (world, params) =>
      toJson({
        ...addEndpoint(world, {
          url: params.url,
          secret: newId('whsec', 32),
          enabledEvents: params.enabled_events,
          apiVersion: params.api_version,
          description: params.description ?? null,
          metadata: mergedMetadata({}, params.metadata),
        }),
        thin: undefined,
      }),
  ),
  ...reads({
    path: path,
    kind: 'webhook endpoint',
    table: (tables) => tables.webhookEndpoints,
    filters: pagingOnly,
    matches: () => true,
  }),
  endpoint(
    'POST',
    `${path}/:id`,
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
  endpoint('DELETE', `${path}/:id`, none, (world, _params, { id }) => {
    need(world.tables.webhookEndpoints, 'webhook endpoint', id);
    world.tables.webhookEndpoints.delete(id);
    return toJson({ id, object: 'webhook_endpoint', deleted: true });
  }),
];
