import type { RouteSamples } from '../route-sample.ts';
import { send, tooLarge } from '../route-sample.ts';
import { signedEvent, signedPayload } from '../signed-event.ts';
import { adminKey } from '../../../helpers/service.ts';

const webhook = { method: 'POST', path: '/api/v1/webhooks/stripe' } as const;

/** Events, and the audit. */
export const recordSamples: RouteSamples = {
  'POST /api/v1/webhooks/stripe': {
    ask: () => signedEvent({ id: 'evt_sample', type: 'customer.subscription.updated' }),
    problems: {
      signature_invalid: () => ({ ...signedPayload('{}'), headers: {} }),
      payload_invalid: () => signedPayload('{}'),
      thin_event_unsupported: () =>
        signedPayload(JSON.stringify({ id: 'evt_thin', object: 'v2.core.event' })),
      payload_too_large: () => ({ ...signedPayload('{}'), body: tooLarge }),
      unsupported_media_type: () => {
        const { body, headers } = signedPayload('{}');
        return { body, headers: { ...headers, 'content-type': 'text/plain' } };
      },
      too_many_requests: async ({ app }) => {
        const wrong = { ...signedPayload('{}'), body: '{"of":"somebody else"}', from: '192.0.2.1' };
        for (let count = 0; count < 100; count += 1) await send(app, webhook, wrong);
        return wrong;
      },
    },
  },
  'GET /api/v1/admin/events': { ask: () => ({}) },
  'GET /api/v1/admin/events/{id}': { ask: ({ event }) => ({ params: { id: event } }) },
  'POST /api/v1/admin/events/{id}/replay': {
    ask: ({ event }) => ({ params: { id: event }, body: { reason: 'a sample' } }),
    problems: {
      // An ignored event has no owner, so only the platform sees it.
      event_ignored: async ({ app, fresh }) => {
        const id = `evt_${fresh()}`;
        await send(app, webhook, signedEvent({ id, type: 'topup.created' }));
        return { params: { id }, body: {}, by: adminKey };
      },
    },
  },
  'GET /api/v1/admin/audit': { ask: ({ user }) => ({ query: { user_id: user } }) },
};
