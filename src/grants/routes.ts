import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { App } from '../http/app-types.ts';
import { bodyLimits } from '../http/body-limits.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { listQuery, listResponse, loadPage } from '../http/schemas.ts';
import { createGrants } from './bulk.ts';
import { endGrant, endGrantsOf } from './end-grants.ts';
import { createGrant, loadGrants } from './grants.ts';
import { createRevocation, liftRevocation, loadRevocations } from './revocations.ts';
import * as shapes from './schemas.ts';

const tags = ['Grants'];

/** Registers the routes for manual grants and revocations. */
export function grantRoutes(app: App, deps: UpdateUserDeps & { access: ProjectAccess }): void {
  app.post(
    '/api/v1/admin/grant',
    {
      config: {
        auth: 'admin',
        problems: ['feature_not_found', 'window_invalid', 'period_not_allowed', 'too_many_grants'],
      },
      schema: {
        tags,
        summary:
          'Grant a feature to a user for a window, overriding earlier grants and revocations of the feature',
        body: shapes.grantBody,
        response: { 201: shapes.grantChanged },
      },
    },
    async (request, reply) => {
      const operator = await deps.access.operatorOf(request, request.body.project_id);
      const keep = answerKeeper(reply.code(201));
      return reply.send(await createGrant(deps, operator, request.body, keep));
    },
  );

  app.post(
    '/api/v1/admin/grants/bulk',
    {
      bodyLimit: bodyLimits.list,
      config: {
        auth: 'admin',
        cost: heavyCost,
        problems: ['feature_not_found', 'window_invalid', 'period_not_allowed', 'too_many_grants'],
      },
      schema: {
        tags,
        summary:
          'Create up to 1,000 grants in one request, either all or none or only the valid ones',
        body: shapes.bulkBody,
        response: { 200: shapes.bulkGranted },
      },
    },
    async (request, reply) => {
      const operator = await deps.access.operatorOf(request, request.body.project_id);
      return createGrants(deps, operator, request.body, answerKeeper(reply));
    },
  );

  app.post(
    '/api/v1/admin/revoke',
    {
      config: {
        auth: 'admin',
        problems: ['feature_not_found', 'grant_not_found', 'window_invalid'],
      },
      schema: {
        tags,
        summary:
          'Revoke a feature for a window (by default only earlier sources, with `block` later ones too), or end grants now',
        body: shapes.revokeBody,
        response: { 200: shapes.revoked },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const operator = await deps.access.operatorOf(request, body.projectId);
      const keep = answerKeeper(reply);
      switch (body.kind) {
        case 'grant':
          return endGrant(deps, operator, body.grantId, body.reason, keep);
        case 'grants':
          return endGrantsOf(deps, operator, body, keep);
        case 'feature':
          return createRevocation(deps, operator, body, keep);
      }
    },
  );

  app.delete(
    '/api/v1/admin/revocations/:id',
    {
      config: { auth: 'admin', problems: ['revocation_not_found'] },
      schema: {
        tags,
        summary: 'Lift a revocation now. A revocation that has already ended stays unchanged.',
        params: shapes.revocationParams,
        querystring: shapes.liftQuery,
        response: { 200: shapes.revocationChanged },
      },
    },
    async (request) => {
      const by = await deps.access.scopedOperatorOf(request, request.query.project_id);
      return liftRevocation(deps, by, request.params.id, request.query.reason);
    },
  );

  app.get(
    '/api/v1/admin/grants',
    {
      config: { auth: 'admin' },
      schema: {
        tags,
        summary: 'List grants, ordered by id',
        querystring: z.strictObject({ ...listQuery, ...shapes.listFilter }),
        response: { 200: listResponse(shapes.grantOut) },
      },
    },
    async (request) => {
      const filter = request.query;
      const projectId = await deps.access.projectOf(request, filter.project_id);
      return loadPage(
        request.query,
        (range) => loadGrants(deps.database, projectId, filter, range, deps.clock()),
        ({ id }) => id,
      );
    },
  );

  app.get(
    '/api/v1/admin/revocations',
    {
      config: { auth: 'admin' },
      schema: {
        tags,
        summary: 'List revocations, ordered by id',
        querystring: z.strictObject({ ...listQuery, ...shapes.listFilter }),
        response: { 200: listResponse(shapes.revocationOut) },
      },
    },
    async (request) => {
      const filter = request.query;
      const projectId = await deps.access.projectOf(request, filter.project_id);
      return loadPage(
        request.query,
        (range) => loadRevocations(deps.database, projectId, filter, range, deps.clock()),
        ({ id }) => id,
      );
    },
  );
}
