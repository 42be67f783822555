import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import {
  instantSchema,
  listQuery,
  listResponse,
  nameSchema,
  loadPage,
  projectIdSchema,
} from '../http/schemas.ts';
import { createKey, deleteKey, type KeyDeps, keySchema, scopeSchema, toKeyDto } from './keys.ts';

const tags = ['API keys'];
const inPath = z.strictObject({ id: projectIdSchema });

/** Registers the routes for the keys of a project. */
export function keyRoutes(app: App, deps: KeyDeps & { access: ProjectAccess }): void {
  const { access, database } = deps;

  app.post(
    '/api/v1/admin/projects/:id/keys',
    {
      config: { auth: 'admin', problems: ['project_not_found', 'window_invalid'] },
      schema: {
        tags,
        summary: 'Create a key. `key` is shown only once.',
        params: inPath,
        body: z
          .strictObject({
            name: nameSchema,
            scopes: z.array(scopeSchema).min(1).max(scopeSchema.options.length),
            expires_at: instantSchema.optional(),
          })
          .meta({
            'x-examples': { app: { value: { name: 'app', scopes: ['read', 'checkout'] } } },
          }),
        response: {
          201: keySchema.extend({
            key: z
              .string()
              .optional()
              .describe('The API key; shown only once, and omitted from a replayed response'),
          }),
        },
      },
    },
    async (request, reply) => {
      const by = await access.operatorOf(request, request.params.id);
      const { name, scopes, expires_at: expiresAt } = request.body;
      const keep = answerKeeper(reply.code(201));
      const { row, key } = await createKey(deps, by, { name, scopes, expiresAt }, (tx, made) =>
        keep(tx, toKeyDto(made)),
      );
      return reply.send({ ...toKeyDto(row), key });
    },
  );

  app.get(
    '/api/v1/admin/projects/:id/keys',
    {
      config: { auth: 'admin', problems: ['project_not_found'] },
      schema: {
        tags,
        summary: 'List the keys that are not deleted',
        params: inPath,
        querystring: z.strictObject(listQuery),
        response: { 200: listResponse(keySchema) },
      },
    },
    async (request) => {
      const projectId = await access.projectOf(request, request.params.id);
      return loadPage(
        request.query,
        ({ after = '', take }) =>
          database.prisma.apiKey.findMany({
            where: { projectId, deletedAt: null, id: { gt: after } },
            orderBy: { id: 'asc' },
            take,
          }),
        ({ id }) => id,
        toKeyDto,
      );
    },
  );

  app.delete(
    '/api/v1/admin/projects/:id/keys/:key_id',
    {
      // Exempt from throttling: revoking a leaked key must work while its holder floods the process.
      config: { auth: 'admin', work: 'always', problems: ['project_not_found', 'key_not_found'] },
      schema: {
        tags,
        summary: 'Delete a key. It stops working within 5 seconds on every instance.',
        params: inPath.extend({ key_id: z.string().max(100) }),
        response: { 200: keySchema },
      },
    },
    async (request) => {
      const by = await access.operatorOf(request, request.params.id);
      return toKeyDto(await deleteKey(deps, by, request.params.key_id));
    },
  );
}
