import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { LinkPair } from '../generated/prisma/client.ts';
import type { App } from '../http/app-types.ts';
import { bodyLimits } from '../http/body-limits.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import {
  decodeNumberCursor,
  isoInstant,
  isoInstantSchema,
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
import { unlinkCustomer } from './unlink-customer.ts';

const tags = ['Customers'];
const mostPairs = 1_000;
const inBody = { project_id: projectIdSchema.optional(), reason: reasonSchema.optional() };

const customerIdSchema = stripeIdSchema.meta({ examples: ['cus_9'] });

const linkedSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  objects: z
    .int()
    .describe('Number of Stripe objects that access may depend on: the customer and its objects'),
  pending: z
    .int()
    .describe('Number of these objects that are still being fetched in the background'),
  audit_id: z.string().nullable().describe('`null` if the customer was already linked'),
  revision: z.int().describe("The user's revision, including the fetched objects"),
});

const unlinkedSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  audit_id: z.string(),
  revision: z.int().describe("The user's revision after the change"),
});

const runSchema = z
  .strictObject({
    id: z.string(),
    project_id: z.string(),
    status: z.enum(['running', 'done']),
    pairs: z.int(),
    pending: z.int(),
    linked: z.int(),
    refused: z.int(),
    started_at: isoInstantSchema,
    finished_at: isoInstantSchema.nullable(),
  })
  .meta({ id: 'LinkRun' });

const pairStatuses = ['pending', 'linked', 'refused'] as const;
const pairSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  status: z.enum(pairStatuses),
  code: z.string().nullable().describe('The problem code, as a single request would get it'),
  objects: z.int().nullable(),
  attempts: z.int(),
  ended_at: isoInstantSchema.nullable(),
});

const manyBody = z
  .strictObject({
    ...inBody,
    pairs: z
      .array(z.strictObject({ user_id: userIdSchema, stripe_customer_id: customerIdSchema }))
      .min(1)
      .max(mostPairs),
  })
  .superRefine(({ pairs }, context) => {
    const seen = new Set<string>();
    for (const [index, { stripe_customer_id: id }] of pairs.entries()) {
      if (seen.has(id)) {
        const path = ['pairs', index, 'stripe_customer_id'];
        context.addIssue({
          code: 'custom',
          path,
          message: 'is named twice: name each customer once',
        });
      }
      seen.add(id);
    }
  });

const runParams = z.strictObject({ id: z.string().max(100) });

/** Links the customers of an app that already has a Stripe account to its users. */
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
        summary: 'Link an existing Stripe customer to a user, and fetch its objects',
        params: z.strictObject({ user_id: userIdSchema }),
        body: z.strictObject({ ...inBody, stripe_customer_id: customerIdSchema }),
        response: { 200: linkedSchema },
      },
    },
    async (request, reply) => {
      const { project_id: given, stripe_customer_id: customerId, reason } = request.body;
      const { user_id: userId } = request.params;
      const operator = await deps.access.operatorOf(request, given);
      const view = ({ objects, pending, auditId, revision }: Linked) => ({
        user_id: userId,
        stripe_customer_id: customerId,
        objects,
        pending,
        audit_id: auditId,
        revision,
      });
      const keep = answerKeeper(reply);
      const asked = { userId, customerId, reason };
      return view(await linkCustomer(deps, operator, asked, (tx, done) => keep(tx, view(done))));
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
          'Unlink a customer; checkouts and metadata then decide who owns it and its objects, if anyone',
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
        summary: `Link up to ${mostPairs} customers in the background`,
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
      const keep = answerKeeper(reply.code(202));
      const progress = await startLinkRun(
        deps,
        operator,
        pairs,
        request.body.reason,
        (tx, started) => keep(tx, toLinkRunDto(started)),
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
        summary: 'List the pairs of a link run with their results, in the given order',
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
      const after = position === undefined ? undefined : Math.min(Number(position), mostPairs);
      const rows = await loadLinkPairs(database, run.id, { status, after, take: limit + 1 });
      return page(rows, limit, (row) => String(row.position), toPairDto);
    },
  );
}

function toLinkRunDto({ run, pending, linked, refused, finishedAt }: LinkProgress) {
  return {
    id: run.id,
    project_id: run.projectId,
    status: finishedAt === null ? ('running' as const) : ('done' as const),
    pairs: run.pairs,
    pending,
    linked,
    refused,
    started_at: isoInstant(run.startedAt),
    finished_at: isoInstant(finishedAt),
  };
}

function toPairDto(row: LinkPair): z.infer<typeof pairSchema> {
  return {
    user_id: row.userId,
    stripe_customer_id: row.customerId,
    status: z.enum(pairStatuses).parse(row.status),
    code: row.code,
    objects: row.objects,
    attempts: row.attempts,
    ended_at: isoInstant(row.endedAt),
  };
}
