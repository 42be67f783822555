import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { AuditEntry } from '../generated/prisma/client.ts';
import type { App } from '../http/app-types.ts';
import {
  decodeNumberCursor,
  isoInstant,
  isoInstantSchema,
  instantSchema,
  jsonOutSchema,
  listQuery,
  listResponse,
  page,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import type { Database } from '../platform/database.ts';

const entrySchema = z
  .object({
    id: z.string(),
    project_id: z.string().nullable(),
    user_id: z.string().nullable(),
    actor: z
      .string()
      .describe('The id of an API key; `platform`: the platform key; `system`: the service itself'),
    action: z.string(),
    target: z.object({ type: z.string(), id: z.string() }),
    reason: z.string().nullable(),
    before: jsonOutSchema,
    after: jsonOutSchema,
    request_id: z.string().nullable(),
    at: isoInstantSchema,
  })
  .meta({ id: 'AuditEntry' });

/** Registers the route that lists the audit log. */
export function auditRoutes(app: App, deps: { database: Database; access: ProjectAccess }): void {
  app.get(
    '/api/v1/admin/audit',
    {
      config: { auth: 'admin', allProjects: true },
      schema: {
        tags: ['Audit'],
        summary: 'List audit entries (who did what, when and why), newest first',
        querystring: z.strictObject({
          ...listQuery,
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema.optional(),
          action: z
            .string()
            .max(100)
            .optional()
            .meta({ examples: ['grant.create'] }),
          actor: z
            .string()
            .max(100)
            .optional()
            .meta({ examples: ['platform'] }),
          from: instantSchema.optional().describe('Only entries at or after this instant'),
          to: instantSchema.optional().describe('Only entries before this instant'),
        }),
        response: { 200: listResponse(entrySchema) },
      },
    },
    async (request) => {
      const { query } = request;
      const projectId = await deps.access.scopeOf(request, query.project_id);
      const before = decodeNumberCursor(query.cursor);
      const rows = await deps.database.prisma.auditEntry.findMany({
        where: {
          ...(projectId === null ? {} : { projectId }),
          ...(query.user_id === undefined ? {} : { userId: query.user_id }),
          ...(query.action === undefined ? {} : { action: query.action }),
          ...(query.actor === undefined ? {} : { actor: query.actor }),
          at: {
            ...(query.from === undefined ? {} : { gte: new Date(query.from) }),
            ...(query.to === undefined ? {} : { lt: new Date(query.to) }),
          },
          ...(before === undefined ? {} : { number: { lt: before } }),
        },
        orderBy: { number: 'desc' },
        take: query.limit + 1,
      });
      return page(rows, query.limit, ({ number }) => String(number), toAuditEntryDto);
    },
  );
}

function toAuditEntryDto(row: AuditEntry): z.infer<typeof entrySchema> {
  return {
    id: row.id,
    project_id: row.projectId,
    user_id: row.userId,
    actor: row.actor,
    action: row.action,
    target: { type: row.targetType, id: row.targetId },
    reason: row.reason,
    before: z.json().parse(row.before),
    after: z.json().parse(row.after),
    request_id: row.requestId,
    at: isoInstant(row.at),
  };
}
