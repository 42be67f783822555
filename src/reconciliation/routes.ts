import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import {
  decodeCursor,
  decodeNumberCursor,
  listQuery,
  listResponse,
  notACursor,
  page,
  projectIdSchema,
  reasonSchema,
  userIdSchema,
} from '../http/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { findingTypes } from '../projects/finding-types.ts';
import { findingActions } from './core/classify-finding.ts';
import {
  countFindings,
  forceRun,
  loadFindings,
  loadRun,
  loadRuns,
  type RunCursor,
  startRun,
} from './requests.ts';
import { runStatuses } from './run-store.ts';
import { findingSchema, toFindingDto, runSchema, toRunDto } from './schemas.ts';

const tags = ['Reconciliation'];
const inPath = z.strictObject({ id: z.string().max(100) });
const scopeQuery = { project_id: projectIdSchema.optional() };
const startedSchema = z.strictObject({ id: z.string(), status: z.enum(runStatuses) });

/**
 * Registers the routes that start reconciliations, read their progress and findings, and apply held findings.
 */
export function reconciliationRoutes(
  app: App,
  deps: { clock: Clock; database: Database; access: ProjectAccess },
): void {
  const { clock, database, access } = deps;
  const requesterOf = (request: FastifyRequest) => ({
    actor: callerOf(request).actor,
    requestId: request.id,
  });

  app.post(
    '/api/v1/admin/reconciliations',
    {
      config: { auth: 'admin', problems: ['user_not_found'] },
      schema: {
        tags,
        summary:
          'Compare a user, a project or (with the platform key and no project) everything with Stripe',
        body: z
          .strictObject({
            ...scopeQuery,
            user_id: userIdSchema.optional(),
            dry_run: z
              .boolean()
              .optional()
              .describe('Reports differences without changing anything'),
          })
          .nullish(),
        response: { 202: startedSchema },
      },
    },
    async (request, reply) => {
      const { project_id: given, user_id: userId, dry_run: dryRun } = request.body ?? {};
      const projectId = await access.scopeOf(request, given);
      const scope = { projectId, userId: userId ?? null, dryRun: dryRun ?? false };
      const keep = answerKeeper(reply.code(202));
      return reply.send(await startRun(deps, requesterOf(request), scope, keep));
    },
  );

  app.get(
    '/api/v1/admin/reconciliations',
    {
      config: { auth: 'admin', allProjects: true },
      schema: {
        tags,
        summary: 'List reconciliations, latest first',
        querystring: z.strictObject({ ...listQuery, ...scopeQuery }),
        response: { 200: listResponse(runSchema) },
      },
    },
    async (request) => {
      const { limit, cursor, project_id: given } = request.query;
      const projectId = await access.scopeOf(request, given);
      const place = { before: runCursor(cursor), take: limit + 1 };
      const runs = await loadRuns(database, projectId, place);
      const countsOf = await countFindings(
        database,
        runs.map(({ id }) => id),
      );
      return page(
        runs,
        limit,
        ({ startedAt, id }) => `${startedAt.getTime()} ${id}`,
        (run) => toRunDto(run, countsOf(run.id), clock()),
      );
    },
  );

  app.get(
    '/api/v1/admin/reconciliations/:id',
    {
      config: { auth: 'admin', problems: ['reconciliation_not_found'] },
      schema: {
        tags,
        summary: 'Get the progress of a reconciliation and the numbers of its findings',
        params: inPath,
        querystring: z.strictObject(scopeQuery),
        response: { 200: runSchema },
      },
    },
    async (request) => {
      const projectId = await access.scopeOf(request, request.query.project_id);
      const run = await loadRun(database, projectId, request.params.id);
      const countsOf = await countFindings(database, [run.id]);
      return toRunDto(run, countsOf(run.id), clock());
    },
  );

  app.get(
    '/api/v1/admin/reconciliations/:id/findings',
    {
      config: { auth: 'admin', problems: ['reconciliation_not_found'] },
      schema: {
        tags,
        summary:
          'List the findings of a reconciliation, each with both sides, the effect and the action',
        params: inPath,
        querystring: z.strictObject({
          ...listQuery,
          ...scopeQuery,
          type: z.enum(findingTypes).optional(),
          action: z.enum(findingActions).optional(),
        }),
        response: { 200: listResponse(findingSchema) },
      },
    },
    async (request) => {
      const { limit, cursor, type, action, project_id: given } = request.query;
      const projectId = await access.scopeOf(request, given);
      const { id } = await loadRun(database, projectId, request.params.id);
      const place = { after: decodeNumberCursor(cursor), take: limit + 1 };
      const rows = await loadFindings(database, id, { type, action }, place);
      return page(rows, limit, (row) => String(row.id), toFindingDto);
    },
  );

  app.post(
    '/api/v1/admin/reconciliations/:id/force',
    {
      config: { auth: 'admin', problems: ['reconciliation_not_found', 'reconciliation_not_held'] },
      schema: {
        tags,
        summary: 'Apply the held findings of a reconciliation after checking each again',
        params: inPath,
        body: z.strictObject({ ...scopeQuery, reason: reasonSchema.optional() }).nullish(),
        response: { 202: startedSchema },
      },
    },
    async (request, reply) => {
      const projectId = await access.scopeOf(request, request.body?.project_id);
      const held = { projectId, id: request.params.id, reason: request.body?.reason };
      const keep = answerKeeper(reply.code(202));
      return reply.send(await forceRun(deps, requesterOf(request), held, keep));
    },
  );
}

function runCursor(cursor: string | undefined): RunCursor | undefined {
  const text = decodeCursor(cursor);
  if (text === undefined) return undefined;
  const [, at, id] = /^(\d{1,15}) (\w+)$/.exec(text) ?? [];
  if (at === undefined || id === undefined) throw notACursor();
  return { startedAt: new Date(Number(at)), id };
}
