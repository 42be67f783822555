import { z } from 'zod';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import { loadRefresh, type UpdateCatalogDeps } from '../entitlements/refresh/update-catalog.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { listQuery, listResponse, loadPage, nameSchema, projectIdSchema } from '../http/schemas.ts';
import { createProject, projectSchema, toProjectDto, updateProject } from './projects.ts';
import { settingsInput } from './settings.ts';

/** The progress of the recomputation of a project's users. */
const refreshSchema = z
  .object({
    id: z.string(),
    users: z.int().describe('Number of users to recompute'),
    status: z
      .enum(['done', 'running'])
      .describe('`done`: every user was recomputed; `running`: users remain to be recomputed'),
  })
  .meta({ id: 'Refresh' });

const tags = ['Projects'];
const inPath = z.strictObject({ id: projectIdSchema });

/**
 * Registers the routes for projects. Only the platform key may create and list projects. A project's own
 * admin keys may read and change it.
 */
export function projectRoutes(app: App, deps: UpdateCatalogDeps & { access: ProjectAccess }): void {
  const { access, database } = deps;

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
      const { id, ...body } = request.body;
      const by = { projectId: id, actor: callerOf(request).actor, requestId: request.id };
      const keep = answerKeeper(reply.code(201));
      const project = await createProject(deps, by, body, (tx, made) =>
        keep(tx, toProjectDto(made)),
      );
      return reply.send(toProjectDto(project));
    },
  );

  app.get(
    '/api/v1/admin/projects',
    {
      config: { auth: 'platform' },
      schema: {
        tags,
        summary: 'List all projects, ordered by id',
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
        summary:
          "Change the name or settings. Changing an access setting recomputes the project's users.",
        params: inPath,
        body: z
          .strictObject({ name: nameSchema.optional(), settings: settingsInput.optional() })
          .meta({ examples: [{ settings: { grace_days: 7 } }] }),
        response: { 200: projectSchema.extend({ refresh: refreshSchema.optional() }) },
      },
    },
    async (request) => {
      const by = await access.operatorOf(request, request.params.id);
      const { project, refresh } = await updateProject(deps, by, request.body);
      return { ...toProjectDto(project), ...(refresh === undefined ? {} : { refresh }) };
    },
  );

  app.get(
    '/api/v1/admin/refreshes/:id',
    {
      config: { auth: 'admin', problems: ['refresh_not_found'] },
      schema: {
        tags,
        summary:
          'Get the progress of the recomputation after a change to the catalog or an access setting',
        params: z.strictObject({ id: z.string().max(100) }),
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: {
          200: refreshSchema.extend({
            behind: z.int().describe('Number of users that must still be recomputed'),
          }),
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
