import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { newKey } from '../auth/api-key.ts';
import { callerOf, scopes } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { ApiKey } from '../generated/prisma/client.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import {
  decodeCursor,
  isoInstant,
  isoInstantSchema,
  instantSchema,
  listQuery,
  listResponse,
  nameSchema,
  page,
  projectIdSchema,
} from '../http/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';

const scopeSchema = z.enum(scopes);

const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(scopeSchema),
    expires_at: isoInstantSchema.nullable(),
    created_at: isoInstantSchema,
    last_used_at: isoInstantSchema.nullable(),
  })
  .meta({ id: 'ApiKey' });

const tags = ['API keys'];
const ofProject = z.strictObject({ id: projectIdSchema });

/** Routes for the keys of a project. Only hashes are stored; a key is shown once. */
export function keyRoutes(
  app: App,
  deps: { access: ProjectAccess; database: Database; clock: Clock },
): void {
  const { access, database, clock } = deps;

  app.post(
    '/api/v1/admin/projects/:id/keys',
    {
      config: { auth: 'admin', problems: ['project_not_found', 'window_invalid'] },
      schema: {
        tags,
        summary: 'Create a key; `key` is shown only once',
        params: ofProject,
        body: z.strictObject({
          name: nameSchema,
          scopes: z.array(scopeSchema).min(1).max(3),
          expires_at: instantSchema.optional(),
        }),
        response: {
          201: keySchema.extend({
            key: z.string().optional().describe('Omitted if the answer is replayed'),
          }),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const projectId = await access.projectOf(request, request.params.id);
      const { name, expires_at: expiresAt } = request.body;
      const now = clock();
      if (expiresAt !== undefined && expiresAt <= now) {
        throw new ProblemError('window_invalid', undefined, [
          { path: 'expires_at', message: 'must be in the future' },
        ]);
      }
      const { key, prefix, hash } = newKey();
      const keep = answerKeeper(reply.code(201));
      const row = await database.transaction(async (tx) => {
        const made = await tx.apiKey.create({
          data: {
            id: newId('key'),
            projectId,
            name,
            prefix,
            hash: Uint8Array.from(hash),
            scopes: [...new Set(request.body.scopes)],
            expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
            createdAt: new Date(now),
          },
        });
        await recordAudit(tx, {
          projectId,
          actor: caller.actor,
          action: 'key.create',
          targetType: 'key',
          targetId: made.id,
          after: { name, prefix, scopes: made.scopes, expires_at: isoInstant(made.expiresAt) },
          requestId: request.id,
          at: now,
        });
        await keep(tx, present(made));
        return made;
      });
      return reply.send({ ...present(row), key });
    },
  );

  app.get(
    '/api/v1/admin/projects/:id/keys',
    {
      config: { auth: 'admin', problems: ['project_not_found'] },
      schema: {
        tags,
        summary: 'List the keys that are not deleted',
        params: ofProject,
        querystring: z.strictObject(listQuery),
        response: { 200: listResponse(keySchema) },
      },
    },
    async (request) => {
      const projectId = await access.projectOf(request, request.params.id);
      const { limit, cursor } = request.query;
      const rows = await database.prisma.apiKey.findMany({
        where: { projectId, deletedAt: null, id: { gt: decodeCursor(cursor) ?? '' } },
        orderBy: { id: 'asc' },
        take: limit + 1,
      });
      return page(rows, limit, ({ id }) => id, present);
    },
  );

  app.delete(
    '/api/v1/admin/projects/:id/keys/:key_id',
    {
      // Exempt from throttling: revoking a leaked key must work while its holder floods the process.
      config: { auth: 'admin', work: 'always', problems: ['project_not_found', 'key_not_found'] },
      schema: {
        tags,
        summary: 'Delete a key; it stops working within 5 seconds on every instance',
        params: ofProject.extend({ key_id: z.string().max(100) }),
        response: { 200: keySchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const projectId = await access.projectOf(request, request.params.id);
      const now = clock();
      const row = await database.transaction(async (tx) => {
        const [deleted] = await tx.apiKey.updateManyAndReturn({
          where: { id: request.params.key_id, projectId, deletedAt: null },
          data: { deletedAt: new Date(now) },
        });
        if (deleted === undefined) throw notFound('key_not_found', 'key_id', request.params.key_id);
        await recordAudit(tx, {
          projectId,
          actor: caller.actor,
          action: 'key.delete',
          targetType: 'key',
          targetId: deleted.id,
          before: { name: deleted.name, prefix: deleted.prefix, scopes: deleted.scopes },
          requestId: request.id,
          at: now,
        });
        return deleted;
      });
      return present(row);
    },
  );
}

function present(row: ApiKey): z.infer<typeof keySchema> {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: z.array(scopeSchema).parse(row.scopes),
    expires_at: isoInstant(row.expiresAt),
    created_at: isoInstant(row.createdAt),
    last_used_at: isoInstant(row.lastUsedAt),
  };
}
