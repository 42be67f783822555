import { text } from '../../../helpers/json.ts';
import type { RouteSamples } from '../route-sample.ts';
import { makeDelivery, webhookUrl, type World } from '../world.ts';

const path = '/api/v1/admin/webhook-endpoints';

/** Creates an endpoint that only this request uses. */
async function newEndpoint({ done }: World): Promise<{ endpoint: string }> {
  const made = await done('POST', '/admin/webhook-endpoints', { url: webhookUrl });
  return { endpoint: text(made, 'id') };
}

/** Creates a disabled endpoint with a pending delivery. */
async function disabledEndpoint(world: World): Promise<{ id: string; delivery: string }> {
  const made = await makeDelivery(world);
  await world.done('PATCH', `/admin/webhook-endpoints/${made.id}`, { status: 'disabled' });
  return made;
}

const notAllowed = { body: { url: 'https://10.0.0.1/hooks' } };

/** Signed webhooks to apps. */
export const webhookSamples: RouteSamples = {
  [`POST ${path}`]: {
    ask: () => ({ body: { url: webhookUrl } }),
    problems: {
      url_not_allowed: () => notAllowed,
      too_many_webhook_endpoints: async ({ service, fresh }) => {
        const { projectId, key } = await service.createProject(fresh());
        await service.deps.database.prisma.webhookEndpoint.createMany({
          data: Array.from({ length: 50 }, () => ({
            ...{ id: `we_${fresh()}`, projectId, url: webhookUrl, types: ['webhook.test'] },
            ...{ secret: 'a secret', position: 0n, createdAt: new Date(service.clock.now()) },
          })),
        });
        return { body: { url: webhookUrl }, by: key };
      },
    },
  },
  [`GET ${path}`]: { ask: () => ({}) },
  [`GET ${path}/{id}`]: { ask: ({ endpoint }) => ({ params: { id: endpoint } }) },
  [`PATCH ${path}/{id}`]: {
    ask: ({ endpoint }) => ({ params: { id: endpoint }, body: { description: 'A sample' } }),
    problems: {
      url_not_allowed: ({ ids }) => ({ params: { id: ids.endpoint }, ...notAllowed }),
    },
  },
  [`DELETE ${path}/{id}`]: {
    make: newEndpoint,
    ask: ({ endpoint }) => ({ params: { id: endpoint } }),
  },
  [`POST ${path}/{id}/rotate-secret`]: {
    ask: ({ endpoint }) => ({ params: { id: endpoint } }),
  },
  [`POST ${path}/{id}/test`]: { ask: ({ endpoint }) => ({ params: { id: endpoint } }) },
  [`POST ${path}/{id}/replay`]: {
    ask: ({ endpoint }) => ({
      params: { id: endpoint },
      body: { from: '2026-10-01T00:00:00Z' },
    }),
    problems: {
      endpoint_disabled: async (world) => ({
        params: { id: (await disabledEndpoint(world)).id },
        body: { from: '2026-10-01T00:00:00Z' },
      }),
    },
  },
  [`GET ${path}/{id}/deliveries`]: { ask: ({ endpoint }) => ({ params: { id: endpoint } }) },
  'POST /api/v1/admin/webhook-deliveries/{id}/retry': {
    ask: ({ delivery }) => ({ params: { id: delivery } }),
    problems: {
      endpoint_disabled: async (world) => ({
        params: { id: (await disabledEndpoint(world)).delivery },
      }),
    },
  },
};
