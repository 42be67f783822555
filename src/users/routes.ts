import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { userNotFound } from '../http/not-found.ts';
import { projectIdSchema, reasonSchema, userIdSchema } from '../http/schemas.ts';
import type { UsageReadDeps } from '../usage/read-usage.ts';
import { eraseUser, type EraseDeps } from './erase.ts';
import { loadUserPage } from './page.ts';
import { erasedSchema, userPageSchema } from './schemas.ts';

const tags = ['Users'];
const path = '/api/v1/admin/users/:user_id';
const params = z.strictObject({ user_id: userIdSchema });

/** Registers the routes that show a user and erase a user's personal data. */
export function userRoutes(
  app: App,
  deps: EraseDeps & UsageReadDeps & { access: ProjectAccess },
): void {
  app.get(
    path,
    {
      config: { auth: 'admin', problems: ['user_not_found'] },
      schema: {
        tags,
        summary: 'Get a user with its customers, purchases, grants, timeline, usage and events',
        params,
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: { 200: userPageSchema },
      },
    },
    async (request) => {
      const projectId = await deps.access.projectOf(request, request.query.project_id);
      const page = await loadUserPage(deps, { projectId, userId: request.params.user_id });
      if (page === null) throw userNotFound();
      return page;
    },
  );

  app.delete(
    path,
    {
      config: { auth: 'admin', cost: heavyCost, problems: ['user_not_found'] },
      schema: {
        tags,
        summary: "Erase a user's personal data. The ledger and the entitlements stay unchanged.",
        params,
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          reason: reasonSchema,
        }),
        response: { 200: erasedSchema },
      },
    },
    async (request) => {
      const by = await deps.access.operatorOf(request, request.query.project_id);
      return eraseUser(deps, by, request.params.user_id, request.query.reason);
    },
  );
}
