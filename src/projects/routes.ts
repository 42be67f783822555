import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import {
  updateCatalog,
  type UpdateCatalogDeps,
  loadRefresh,
} from '../entitlements/refresh/update-catalog.ts';
import type { Project } from '../generated/prisma/client.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import {
  isoInstant,
  isoInstantSchema,
  listQuery,
  listResponse,
  nameSchema,
  loadPage,
  projectIdSchema,
} from '../http/schemas.ts';
import type { Tx } from '../platform/database.ts';
import { backfillUnowned } from './backfill-unowned.ts';
import {
  isPolicy,
  settingsColumns,
  settingsInput,
  settingsOf,
  settingsSchema,
} from './settings.ts';

const projectSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    settings: settingsSchema,
    created_at: isoInstantSchema,
    updated_at: isoInstantSchema,
  })
  .meta({ id: 'Project' });

/** The progress of the recomputation of a project's users. */
const refreshSchema = z
  .object({ id: z.string(), users: z.int(), status: z.enum(['done', 'running']) })
  .meta({ id: 'Refresh' });

const tags = ['Projects'];
const inPath = z.strictObject({ id: projectIdSchema });

/**
 * Registers the routes for projects. The platform key creates and lists them; their own admin keys may read
 * and change them.
 */
export function projectRoutes(app: App, deps: UpdateCatalogDeps & { access: ProjectAccess }): void {
  const { access, database, clock } = deps;

  app.post(
    '/api/v1/admin/projects',
    {
      config: { auth: 'platform', problems: ['project_exists'] },
      schema: {
        tags,
        summary: 'Create a project',
        body: z
          .strictObject({
            id: projectIdSchema,
            name: nameSchema,
            settings: settingsInput.optional(),
          })
          .meta({ examples: [{ id: 'notes', name: 'Notes' }] }),
        response: { 201: projectSchema },
      },
    },
    async (request, reply) => {
      const { id, name, settings } = request.body;
      const now = new Date(clock());
      const keep = answerKeeper(reply.code(201));
      const project = await database.transaction(async (tx) => {
        const made = await tx.project.createManyAndReturn({
          data: [{ id, name, ...settingsColumns(settings ?? {}), createdAt: now, updatedAt: now }],
          skipDuplicates: true,
        });
        const [row] = made;
        if (row === undefined) {
          throw new ProblemError('project_exists', undefined, [
            { path: 'id', message: 'is the id of another project: choose another' },
          ]);
        }
        await recordAudit(tx, {
          projectId: id,
          actor: callerOf(request).actor,
          action: 'project.create',
          targetType: 'project',
          targetId: id,
          after: audited(row),
          requestId: request.id,
          at: now.getTime(),
        });
        await backfillUnowned(tx, id, now.getTime());
        await keep(tx, toProjectDto(row));
        return row;
      });
      return reply.send(toProjectDto(project));
    },
  );

  app.get(
    '/api/v1/admin/projects',
    {
      config: { auth: 'platform' },
      schema: {
        tags,
        summary: 'List all projects, by id',
        querystring: z.strictObject(listQuery),
        response: { 200: listResponse(projectSchema) },
      },
    },
    async (request) => {
      return loadPage(
        request.query,
        ({ after = '', take }) =>
          database.prisma.project.findMany({
            where: { id: { gt: after } },
            orderBy: { id: 'asc' },
            take,
          }),
        ({ id }) => id,
        toProjectDto,
      );
    },
  );

  app.get(
    '/api/v1/admin/projects/:id',
    {
      config: { auth: 'admin', problems: ['project_not_found'] },
      schema: { tags, summary: 'Get a project', params: inPath, response: { 200: projectSchema } },
    },
    async (request) => {
      const id = await access.projectOf(request, request.params.id);
      return toProjectDto(await database.prisma.project.findUniqueOrThrow({ where: { id } }));
    },
  );

  app.patch(
    '/api/v1/admin/projects/:id',
    {
      config: { auth: 'admin', cost: heavyCost, problems: ['project_not_found'] },
      schema: {
        tags,
        summary: 'Change the name or settings; a change of policy recomputes the users',
        params: inPath,
        body: z
          .strictObject({ name: nameSchema.optional(), settings: settingsInput.optional() })
          .meta({ examples: [{ settings: { grace_days: 7 } }] }),
        response: { 200: projectSchema.extend({ refresh: refreshSchema.optional() }) },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const id = await access.projectOf(request, request.params.id);
      const { name, settings = {} } = request.body;
      const change = async (tx: Tx): Promise<Project> => {
        const now = new Date(clock());
        // The lock makes `before` in the audit the state that this change found; rows that refer to the
        // project can still be written.
        await tx.$queryRaw`select from projects where id = ${id} for no key update`;
        const before = await tx.project.findUniqueOrThrow({ where: { id } });
        const wanted = {
          ...before,
          ...(name === undefined ? {} : { name }),
          ...settingsColumns(settings),
        };
        const states = { before: audited(before), after: audited(wanted) };
        if (isDeepStrictEqual(states.before, states.after)) return before;
        await recordAudit(tx, {
          projectId: id,
          actor: caller.actor,
          action: 'project.update',
          targetType: 'project',
          targetId: id,
          ...states,
          requestId: request.id,
          at: now.getTime(),
        });
        return tx.project.update({
          where: { id },
          data: { name: wanted.name, ...settingsColumns(settings), updatedAt: now },
        });
      };
      if (!isPolicy(settings)) return toProjectDto(await database.transaction(change));
      const { result, refresh } = await updateCatalog(deps, id, 'policy', change);
      return { ...toProjectDto(result), refresh };
    },
  );

  app.get(
    '/api/v1/admin/refreshes/:id',
    {
      config: { auth: 'admin', problems: ['refresh_not_found'] },
      schema: {
        tags,
        summary: 'Get the progress of the recomputation after a change of catalog or policy',
        params: z.strictObject({ id: z.string().max(100) }),
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: {
          200: refreshSchema.extend({ behind: z.int().describe('Users still to be recomputed') }),
        },
      },
    },
    async (request) => {
      const scope = await access.scopeOf(request, request.query.project_id);
      const refresh = await loadRefresh(database, scope, request.params.id);
      if (refresh === null) throw notFound('refresh_not_found', 'id', request.params.id);
      return refresh;
    },
  );
}

/** Returns a project as the audit records it. */
function audited(row: Project) {
  return { name: row.name, settings: settingsOf(row) };
}

function toProjectDto(row: Project): z.infer<typeof projectSchema> {
  return {
    id: row.id,
    name: row.name,
    settings: settingsOf(row),
    created_at: isoInstant(row.createdAt),
    updated_at: isoInstant(row.updatedAt),
  };
}
