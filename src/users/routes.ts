import { z } from 'zod';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { userNotFound } from '../http/not-found.ts';
import { projectIdSchema, reasonSchema, userIdSchema } from '../http/schemas.ts';
import { projectFor } from '../projects/access.ts';
import { callerOf } from '../projects/caller.ts';
import { eraseUser, type EraseDeps } from './erase.ts';
import { loadUserPage } from './page.ts';
import { erasedSchema, userPageSchema } from './schemas.ts';

const tags = ['Users'];
const path = '/api/v1/admin/users/:user_id';
const params = z.strictObject({ user_id: userIdSchema });

/** Everything about one user, and the erasure of personal data. */
export function userRoutes(app: App, deps: EraseDeps): void {
  app.get(
    path,
    {
      config: { auth: 'admin', problems: ['user_not_found'] },
      schema: {
        tags,
        summary: 'Everything about one user on one page',
        params,
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: { 200: userPageSchema },
      },
    },
    async (request) => {
      const projectId = await projectFor(deps, callerOf(request), request.query.project_id);
      const found = await loadUserPage(deps, {
        projectId,
        userId: request.params.user_id,
      });
      if (found === null) throw userNotFound();
      return found;
    },
  );

  app.delete(
    path,
    {
      config: { auth: 'admin', cost: heavyCost, problems: ['user_not_found'] },
      schema: {
        tags,
        summary: 'Erase the personal data of a user, and keep the ledger and what the user may use',
        params,
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          reason: reasonSchema,
        }),
        response: { 200: erasedSchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const projectId = await projectFor(deps, caller, request.query.project_id);
      const by = { actor: caller.actor, requestId: request.id };
      const user = { projectId, userId: request.params.user_id };
      return eraseUser(deps, by, user, request.query.reason);
    },
  );
}
