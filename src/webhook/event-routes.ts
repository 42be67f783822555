import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import {
  decodeNumberCursor,
  listQuery,
  listResponse,
  page,
  projectIdSchema,
  reasonSchema,
  stripeIdSchema,
} from '../http/schemas.ts';
import { loadEvents } from './event-list.ts';
import { type ReplayDeps, replayEvent } from './replay.ts';
import {
  eventSchema,
  eventStatuses,
  eventWithPayloadSchema,
  loadEvent,
  type StoredEvent,
} from './stored-events.ts';

interface EventRouteDeps extends ReplayDeps {
  access: ProjectAccess;
}

const tags = ['Inbox'];
const eventParams = z.strictObject({ id: stripeIdSchema });
const scopeQuery = { project_id: projectIdSchema.optional() };

/**
 * Registers the routes for the inbox. The platform key sees all events. A project's key sees those about its
 * own users and catalog, once the object has been fetched and its owner decided.
 */
export function eventRoutes(app: App, deps: EventRouteDeps): void {
  const { database } = deps;

  app.get(
    '/api/v1/admin/events',
    {
      config: { auth: 'admin', allProjects: true },
      schema: {
        tags,
        summary: 'List events, newest first',
        querystring: z.strictObject({
          ...listQuery,
          ...scopeQuery,
          status: z.enum(eventStatuses).optional(),
        }),
        response: { 200: listResponse(eventSchema) },
      },
    },
    async (request) => {
      const { limit, cursor, status, project_id: given } = request.query;
      const projectId = await deps.access.scopeOf(request, given);
      const filter = { projectId, status, before: decodeNumberCursor(cursor), take: limit + 1 };
      const positionOf = ({ number }: StoredEvent): string => String(number);
      return page(await loadEvents(database, filter), limit, positionOf, ({ event }) => event);
    },
  );

  app.get(
    '/api/v1/admin/events/:id',
    {
      config: { auth: 'admin', problems: ['event_not_found'] },
      schema: {
        tags,
        summary: 'Get an event with its payload',
        params: eventParams,
        querystring: z.strictObject(scopeQuery),
        response: { 200: eventWithPayloadSchema },
      },
    },
    async (request) => {
      const projectId = await deps.access.scopeOf(request, request.query.project_id);
      const found = await loadEvent(database.prisma, projectId, request.params.id);
      if (found === null) throw notFound('event_not_found', 'id', request.params.id);
      return { ...found.event, payload: found.payload };
    },
  );

  app.post(
    '/api/v1/admin/events/:id/replay',
    {
      config: { auth: 'admin', problems: ['event_not_found', 'event_ignored'] },
      schema: {
        tags,
        summary: 'Enqueue the objects of an event to be fetched again, with a full set of attempts',
        params: eventParams,
        body: z.strictObject({ ...scopeQuery, reason: reasonSchema.optional() }).nullish(),
        response: { 202: z.strictObject({ event: eventSchema, audit_id: z.string() }) },
      },
    },
    async (request, reply) => {
      const replayer = await deps.access.scopedOperatorOf(request, request.body?.project_id);
      const { id } = request.params;
      const keep = answerKeeper(reply.code(202));
      return reply.send(await replayEvent(deps, replayer, id, request.body?.reason, keep));
    },
  );
}
