import type { FastifyContextConfig } from 'fastify';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import { listQuery, listResponse, loadPage, projectIdSchema } from '../http/schemas.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import * as endpoints from './endpoints.ts';
import * as shapes from './schemas.ts';
import type { Sender } from './send.ts';
import { createSendTest } from './send-test.ts';

export interface EndpointRouteDeps extends endpoints.EndpointDeps {
  access: ProjectAccess;
  lifecycle: Lifecycle;
  sender: Sender;
}

const tags = ['Webhook endpoints'];
const path = '/api/v1/admin/webhook-endpoints';
const params = z.strictObject({ id: z.string().max(100) });
const scope = { project_id: projectIdSchema.optional() };

/** How long earlier secrets sign after a rotation: a day. */
const defaultOverlapSeconds = 86_400;

const notFound = 'webhook_endpoint_not_found';

/** Returns the options of a route that reads or deletes an endpoint. */
function ofEndpoint(summary: string) {
  return {
    config: { auth: 'admin', problems: [notFound] } satisfies FastifyContextConfig,
    schema: {
      tags,
      summary,
      params,
      querystring: z.strictObject(scope),
      response: { 200: shapes.endpointSchema },
    },
  };
}

/** Registers the routes for endpoints, which receive changes as signed webhooks. */
export function endpointRoutes(app: App, deps: EndpointRouteDeps): void {
  const { access, database } = deps;
  const sendTest = createSendTest(deps);

  app.post(
    path,
    {
      config: {
        auth: 'admin',
        problems: ['url_not_allowed', 'too_many_webhook_endpoints'],
      },
      schema: {
        tags,
        summary:
          'Create an endpoint that receives changes as signed webhooks; shows its secret once',
        body: z.strictObject({
          ...scope,
          url: shapes.endpointInput.url,
          types: shapes.endpointInput.types.optional(),
          description: shapes.endpointInput.description.optional(),
        }),
        response: { 201: shapes.endpointSchema.extend({ secret: shapes.secretSchema }) },
      },
    },
    async (request, reply) => {
      const by = await access.operatorOf(request, request.body.project_id);
      const keep = answerKeeper(reply.code(201));
      const row = await endpoints.createEndpoint(deps, by, request.body, (tx, made) =>
        keep(tx, shapes.toEndpointDto(made)),
      );
      return reply.send({ ...shapes.toEndpointDto(row), secret: row.secret });
    },
  );

  app.get(
    path,
    {
      config: { auth: 'admin', allProjects: true },
      schema: {
        tags,
        summary: 'List webhook endpoints, ordered by id',
        querystring: z.strictObject({ ...listQuery, ...scope }),
        response: { 200: listResponse(shapes.endpointSchema) },
      },
    },
    async (request) => {
      const projectId = await access.scopeOf(request, request.query.project_id);
      return loadPage(
        request.query,
        ({ after = '', take }) =>
          database.prisma.webhookEndpoint.findMany({
            where: {
              ...(projectId === null ? {} : { projectId }),
              deletedAt: null,
              id: { gt: after },
            },
            orderBy: { id: 'asc' },
            take,
          }),
        ({ id }) => id,
        shapes.toEndpointDto,
      );
    },
  );

  app.get(`${path}/:id`, ofEndpoint('Get a webhook endpoint'), async (request) => {
    const projectId = await access.scopeOf(request, request.query.project_id);
    const row = await endpoints.loadEndpoint(database.prisma, { projectId }, request.params.id);
    return shapes.toEndpointDto(row);
  });

  app.patch(
    `${path}/:id`,
    {
      config: { auth: 'admin', problems: [notFound, 'url_not_allowed'] },
      schema: {
        tags,
        summary:
          'Change a webhook endpoint. An endpoint that is enabled again receives later changes only.',
        params,
        body: z
          .strictObject({ ...shapes.endpointInput, status: shapes.endpointSchema.shape.status })
          .partial()
          .extend(scope),
        response: { 200: shapes.endpointSchema },
      },
    },
    async (request) => {
      const { project_id: given, ...input } = request.body;
      const by = await access.scopedOperatorOf(request, given);
      return shapes.toEndpointDto(
        await endpoints.updateEndpoint(deps, by, request.params.id, input),
      );
    },
  );

  app.delete(
    `${path}/:id`,
    ofEndpoint('Delete a webhook endpoint with its deliveries'),
    async (request) => {
      const by = await access.scopedOperatorOf(request, request.query.project_id);
      return shapes.toEndpointDto(await endpoints.deleteEndpoint(deps, by, request.params.id));
    },
  );

  app.post(
    `${path}/:id/rotate-secret`,
    {
      config: { auth: 'admin', problems: [notFound] },
      schema: {
        tags,
        summary: 'Replace the secret; previous secrets also sign until the overlap ends',
        params,
        body: z
          .strictObject({
            ...scope,
            overlap_seconds: z
              .int()
              .min(0)
              .max(7 * 86_400)
              .default(defaultOverlapSeconds)
              .describe('How long the previous secrets also sign, seconds; `0` ends them at once'),
          })
          .nullish(),
        response: { 200: shapes.endpointSchema.extend({ secret: shapes.secretSchema }) },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const overlap = body?.overlap_seconds ?? defaultOverlapSeconds;
      const by = await access.scopedOperatorOf(request, body?.project_id);
      const keep = answerKeeper(reply);
      const row = await endpoints.rotateSecret(deps, by, request.params.id, overlap, (tx, made) =>
        keep(tx, shapes.toEndpointDto(made)),
      );
      return { ...shapes.toEndpointDto(row), secret: row.secret };
    },
  );

  app.post(
    `${path}/:id/test`,
    {
      // The request waits for the receiver, so it takes no share of the project's capacity.
      config: { auth: 'admin', cost: 0, problems: [notFound] },
      schema: {
        tags,
        summary: 'Send `webhook.test` now and return the result',
        params,
        body: z.strictObject(scope).nullish(),
        response: {
          200: z.object({
            delivered: z.boolean(),
            status: z.int().nullable().describe('The HTTP status; `null` if there was no response'),
            duration_ms: z.int(),
            error: z
              .string()
              .optional()
              .describe('Why the test failed, such as `timeout`; omitted if it succeeded'),
          }),
        },
      },
    },
    async (request) => {
      const projectId = await access.scopeOf(request, request.body?.project_id);
      const row = await endpoints.loadEndpoint(database.prisma, { projectId }, request.params.id);
      const attempt = await sendTest(row);
      if (attempt === undefined) throw new ProblemError('not_ready');
      const { status, durationMs, error } = attempt;
      return {
        delivered: error === null,
        status,
        duration_ms: durationMs,
        ...(error === null ? {} : { error }),
      };
    },
  );
}
