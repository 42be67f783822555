import Stripe from 'stripe';
import type { SandboxEvent, Tables, WebhookEndpoint } from '../state/tables.ts';
import { toJson, type JsonObject } from '../wire.ts';
import { beforeBasil, isBeforeBasil, previousBeforeBasil } from './older-shape.ts';
import type { WebhookFaults } from './webhook-faults.ts';

/**
 * Returns an event's body for an endpoint: thin or in the endpoint's API version, and with the mode or
 * account that a fault sets.
 */
export function payloadOf(
  tables: Tables,
  event: SandboxEvent,
  endpoint: WebhookEndpoint,
  faults: WebhookFaults,
): string {
  const foreign = {
    ...(faults.livemode === undefined ? {} : { livemode: faults.livemode }),
    ...(faults.account === undefined ? {} : { account: faults.account }),
  };
  // A thin event names the account in `context`.
  const body =
    endpoint.thin === true
      ? { ...thin(event), ...foreign, account: undefined, context: faults.account }
      : { ...inVersion(tables, event, endpoint.api_version), ...foreign };
  return JSON.stringify(body, null, 2);
}

function inVersion(tables: Tables, event: SandboxEvent, version: string | null): object {
  if (version === null || version === Stripe.API_VERSION) {
    return event;
  }
  const { object, previous_attributes: previous } = event.data;
  const old = isBeforeBasil(version);
  return {
    ...event,
    api_version: version,
    data: {
      object: old ? beforeBasil(tables, object) : object,
      ...(previous === undefined
        ? {}
        : {
            previous_attributes: old ? previousBeforeBasil(object, previous) : previous,
          }),
    },
  };
}

/** Returns a thin event, which only references its object, as API v2 sends it. */
function thin(event: SandboxEvent): JsonObject {
  const { id, object } = event.data.object;
  const request = event.request.id === null ? null : { type: 'request', request: event.request };
  return toJson({
    id: `evt_test_${event.id.slice('evt_'.length)}`,
    object: 'v2.core.event',
    type: `v1.${event.type}`,
    created: new Date(event.created * 1000).toISOString(),
    livemode: event.livemode,
    reason: request,
    related_object:
      typeof id === 'string' && typeof object === 'string'
        ? { id, type: object, url: `/v1/${object.replaceAll('.', '/')}s/${id}` }
        : null,
    snapshot_event: event.id,
  });
}
