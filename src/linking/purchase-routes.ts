import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import {
  listQuery,
  listResponse,
  loadPage,
  projectIdSchema,
  reasonSchema,
  stripeIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { type AssignedPurchase, assignPurchase } from './assign-purchase.ts';
import { loadPurchases, purchaseSchema } from './purchase-list.ts';

const tags = ['Purchases'];

/** Registers the routes for one-time purchases and their owners. */
export function purchaseRoutes(app: App, deps: UpdateUserDeps & { access: ProjectAccess }): void {
  app.get(
    '/api/v1/admin/purchases',
    {
      config: { auth: 'admin' },
      schema: {
        tags,
        summary:
          "List the one-time purchases of the project's users and guests' purchases of the project's products, ordered by id",
        querystring: z.strictObject({
          ...listQuery,
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema.optional(),
          stripe_session_id: stripeIdSchema.optional().meta({ examples: ['cs_test_a1'] }),
          unclaimed: z
            .enum(['true', 'false'])
            .optional()
            .describe(
              "`true` for only guests' unclaimed purchases, `false` for only claimed purchases. By default, both are listed.",
            ),
        }),
        response: { 200: listResponse(purchaseSchema) },
      },
    },
    async (request) => {
      const { query } = request;
      const projectId = await deps.access.projectOf(request, query.project_id);
      const filter = {
        userId: query.user_id,
        sessionId: query.stripe_session_id,
        unclaimed: query.unclaimed === undefined ? undefined : query.unclaimed === 'true',
      };
      return loadPage(
        query,
        (range) => loadPurchases(deps.database, projectId, filter, range),
        ({ id }) => id,
      );
    },
  );

  app.post(
    '/api/v1/admin/purchases/:id/attach',
    {
      config: { auth: 'admin', problems: ['purchase_not_found', 'purchase_claimed'] },
      schema: {
        tags,
        summary: "Permanently assign a guest's unclaimed purchase to a user",
        params: z.strictObject({ id: stripeIdSchema }),
        body: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
          reason: reasonSchema.optional(),
        }),
        response: {
          200: z.strictObject({
            purchase_id: z.string(),
            user_id: z.string(),
            audit_id: z.string().nullable().describe('`null` if the user already had the purchase'),
            revision: z.int().describe("The user's revision after the change"),
          }),
        },
      },
    },
    async (request, reply) => {
      const { user_id: userId, project_id: given, reason } = request.body;
      const purchaseId = request.params.id;
      const by = await deps.access.scopedOperatorOf(request, given);
      const toDto = ({ auditId, revision }: AssignedPurchase) => ({
        purchase_id: purchaseId,
        user_id: userId,
        audit_id: auditId,
        revision,
      });
      const keep = answerKeeper(reply);
      const assignment = { purchaseId, userId, reason };
      return toDto(await assignPurchase(deps, by, assignment, (tx, done) => keep(tx, toDto(done))));
    },
  );
}
