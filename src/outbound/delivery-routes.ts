import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import {
  decodeNumberCursor,
  instantSchema,
  isoInstantSchema,
  listQuery,
  listResponse,
  page,
  projectIdSchema,
} from '../http/schemas.ts';
import { replaySince, retryDelivery } from './deliveries.ts';
import { type EndpointDeps, loadEndpoint } from './endpoints.ts';
import { deliverySchema, deliveryStatus, toDeliveryDto } from './schemas.ts';

const tags = ['Webhook endpoints'];
const params = z.strictObject({ id: z.string().max(100) });
const scope = { project_id: projectIdSchema.optional() };

/** Registers the routes for the deliveries of webhook endpoints. */
export function deliveryRoutes(app: App, deps: EndpointDeps & { access: ProjectAccess }): void {
  const { access, database } = deps;

  app.get(
    '/api/v1/admin/webhook-endpoints/:id/deliveries',
    {
      config: { auth: 'admin', problems: ['webhook_endpoint_not_found'] },
      schema: {
        tags,
        summary: 'List the deliveries to an endpoint with their last attempts, newest first',
        params,
        querystring: z.strictObject({ ...listQuery, ...scope, status: deliveryStatus.optional() }),
        response: { 200: listResponse(deliverySchema) },
      },
    },
    async (request) => {
      const { query } = request;
      const projectId = await access.scopeOf(request, query.project_id);
      const { id: endpointId } = await loadEndpoint(
        database.prisma,
        { projectId },
        request.params.id,
      );
      const before = decodeNumberCursor(query.cursor);
      const rows = await database.prisma.webhookDelivery.findMany({
        where: {
          endpointId,
          ...(query.status === undefined ? {} : { status: query.status }),
          ...(before === undefined ? {} : { number: { lt: before } }),
        },
        orderBy: { number: 'desc' },
        take: query.limit + 1,
      });
      return page(rows, query.limit, ({ number }) => String(number), toDeliveryDto);
    },
  );

  app.post(
    '/api/v1/admin/webhook-deliveries/:id/retry',
    {
      config: {
        auth: 'admin',
        problems: ['delivery_not_found', 'endpoint_disabled'],
      },
      schema: {
        tags,
        summary: 'Retry a delivery immediately with the same `webhook-id`',
        params,
        body: z.strictObject(scope).nullish(),
        response: { 202: deliverySchema },
      },
    },
    async (request, reply) => {
      const by = await access.scopedOperatorOf(request, request.body?.project_id);
      const keep = answerKeeper(reply.code(202));
      const row = await retryDelivery(deps, by, request.params.id, (tx, retried) =>
        keep(tx, toDeliveryDto(retried)),
      );
      return reply.send(toDeliveryDto(row));
    },
  );

  app.post(
    '/api/v1/admin/webhook-endpoints/:id/replay',
    {
      // Heavy: the request counts every change since the instant, and the dispatcher later rewrites their
      // deliveries.
      config: {
        auth: 'admin',
        cost: heavyCost,
        problems: ['webhook_endpoint_not_found', 'endpoint_disabled'],
      },
      schema: {
        tags,
        summary: 'Send every message since an instant again with its first `webhook-id`',
        params,
        body: z
          .strictObject({ ...scope, from: instantSchema })
          .meta({ 'x-examples': { since: { value: { from: '2026-11-30T00:00:00Z' } } } }),
        response: {
          202: z.object({
            from: isoInstantSchema,
            messages: z.int().describe('The number of messages, which are sent in the background'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { project_id: given, from } = request.body;
      const by = await access.scopedOperatorOf(request, given);
      return reply.send(
        await replaySince(deps, by, request.params.id, from, answerKeeper(reply.code(202))),
      );
    },
  );
}
