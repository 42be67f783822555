import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { bodyLimits } from '../http/body-limits.ts';
import { heavyCost } from '../http/fair-shares.ts';
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
  userIdSchema,
} from '../http/schemas.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { type Linked, linkCustomer } from './link-customer.ts';
import { type LinkProgress, loadLinkPairs, loadLinkRun, startLinkRun } from './link-run.ts';
import {
  customerIdSchema,
  inBody,
  linkedSchema,
  manyBody,
  maxPairs,
  pairSchema,
  pairStatuses,
  runSchema,
  toLinkRunDto,
  toPairDto,
  unlinkedSchema,
} from './schemas.ts';
import { unlinkCustomer } from './unlink-customer.ts';

const tags = ['Customers'];
const runParams = z.strictObject({ id: z.string().max(100) });

/** Registers the routes that link an app's existing Stripe customers to its users. */
export function customerRoutes(app: App, deps: SyncDeps & { access: ProjectAccess }): void {
  const { database } = deps;

  async function runOf(
    request: FastifyRequest,
    id: string,
    given: string | undefined,
  ): Promise<LinkProgress> {
    const scope = await deps.access.scopeOf(request, given);
    const progress = await loadLinkRun(database, scope, id);
    if (progress === null) throw notFound('link_run_not_found', 'id', id);
    return progress;
  }

  app.post(
    '/api/v1/admin/users/:user_id/customers',
    {
      config: {
        auth: 'admin',
        problems: [
          'customer_not_found',
          'customer_linked',
          'customer_deleted',
          'stripe_unavailable',
        ],
      },
      schema: {
        tags,
        summary: "Link an existing Stripe customer to a user and fetch the customer's objects",
        params: z.strictObject({ user_id: userIdSchema }),
        body: z.strictObject({ ...inBody, stripe_customer_id: customerIdSchema }),
        response: { 200: linkedSchema },
      },
    },
    async (request, reply) => {
      const { project_id: given, stripe_customer_id: customerId, reason } = request.body;
      const { user_id: userId } = request.params;
      const operator = await deps.access.operatorOf(request, given);
      const toDto = ({ objects, pending, auditId, revision }: Linked) => ({
        user_id: userId,
        stripe_customer_id: customerId,
        objects,
        pending,
        audit_id: auditId,
        revision,
      });
      const keep = answerKeeper(reply);
      const pair = { userId, customerId, reason };
      return toDto(await linkCustomer(deps, operator, pair, (tx, done) => keep(tx, toDto(done))));
    },
  );

  app.delete(
    '/api/v1/admin/users/:user_id/customers/:id',
    {
      config: {
        auth: 'admin',
        problems: ['customer_not_found', 'customer_named', 'stripe_unavailable'],
      },
      schema: {
        tags,
        summary:
          'Unlink a customer. Checkouts and metadata then decide who owns the customer and its objects.',
        params: z.strictObject({ user_id: userIdSchema, id: stripeIdSchema }),
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          reason: reasonSchema,
        }),
        response: { 200: unlinkedSchema },
      },
    },
    async (request) => {
      const { user_id: userId, id: customerId } = request.params;
      const { project_id: given, reason } = request.query;
      const by = await deps.access.scopedOperatorOf(request, given);
      const unlinked = await unlinkCustomer(deps, by, { userId, customerId, reason });
      return {
        user_id: userId,
        stripe_customer_id: customerId,
        audit_id: unlinked.auditId,
        revision: unlinked.revision,
      };
    },
  );

  app.post(
    '/api/v1/admin/customers/link',
    {
      bodyLimit: bodyLimits.list,
      config: { auth: 'admin', cost: heavyCost },
      schema: {
        tags,
        summary: `Link up to ${maxPairs} customers in the background`,
        body: manyBody,
        response: { 202: runSchema },
      },
    },
    async (request, reply) => {
      const operator = await deps.access.operatorOf(request, request.body.project_id);
      const pairs = request.body.pairs.map((pair) => ({
        userId: pair.user_id,
        customerId: pair.stripe_customer_id,
      }));
      const { reason } = request.body;
      const keep = answerKeeper(reply.code(202));
      const progress = await startLinkRun(deps, operator, pairs, reason, (tx, started) =>
        keep(tx, toLinkRunDto(started)),
      );
      return reply.send(toLinkRunDto(progress));
    },
  );

  app.get(
    '/api/v1/admin/customers/link/:id',
    {
      config: { auth: 'admin', problems: ['link_run_not_found'] },
      schema: {
        tags,
        summary: 'Get the progress of a link run',
        params: runParams,
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: { 200: runSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      return toLinkRunDto(await runOf(request, id, request.query.project_id));
    },
  );

  app.get(
    '/api/v1/admin/customers/link/:id/pairs',
    {
      config: { auth: 'admin', problems: ['link_run_not_found'] },
      schema: {
        tags,
        summary: 'List the pairs of a link run with their results, in the order of the request',
        params: runParams,
        querystring: z.strictObject({
          ...listQuery,
          project_id: projectIdSchema.optional(),
          status: z.enum(pairStatuses).optional(),
        }),
        response: { 200: listResponse(pairSchema) },
      },
    },
    async (request) => {
      const { limit, cursor, status, project_id: given } = request.query;
      const { run } = await runOf(request, request.params.id, given);
      const position = decodeNumberCursor(cursor);
      const after = position === undefined ? undefined : Math.min(Number(position), maxPairs);
      const rows = await loadLinkPairs(database, run.id, { status, after, take: limit + 1 });
      return page(rows, limit, (row) => String(row.position), toPairDto);
    },
  );
}
