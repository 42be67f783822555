import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { ProblemError } from '../http/problem.ts';
import {
  featureCodeSchema,
  instantSchema,
  isoInstant,
  listQuery,
  listResponse,
  loadPage,
  notACursor,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { entryInstant } from './entry-id.ts';
import { loadEntryPage, loadSummary, type SummaryRow } from './ledger.ts';
import { loadUsageDtos, type UsageReadDeps } from './read-usage.ts';
import * as shapes from './schemas.ts';

const tags = ['Usage'];

/** The longest window of a summary, milliseconds. */
const maxSummaryMs = 800 * 86_400_000;

const featureCode = featureCodeSchema.optional().describe('Limits the answer to this feature');

/** Registers the routes that read usage. */
export function usageReadRoutes(app: App, deps: UsageReadDeps & { access: ProjectAccess }): void {
  const { access, database } = deps;

  app.get(
    '/api/v1/usage',
    {
      config: {
        ...{ auth: 'read', alsoScope: 'usage', userTokens: 'inHeader', cost: 1 / 64 },
        problems: ['feature_not_found', 'feature_not_metered'],
      },
      schema: {
        tags,
        summary: 'Get what a user has used and has left of metered features',
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
          feature_code: featureCode,
          at: instantSchema
            .optional()
            .describe('Evaluates the current facts and usage at this instant instead of now'),
        }),
        response: { 200: shapes.usageResponse },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = await access.userOf(request, query);
      void reply.header('cache-control', 'no-store');
      return {
        user_id: user.userId,
        data: await loadUsageDtos(deps, user, query.feature_code, query.at),
      };
    },
  );

  app.get(
    '/api/v1/usage/entries',
    {
      config: { auth: 'read', alsoScope: 'usage' },
      schema: {
        tags,
        summary: 'List the entries of usage, newest first',
        querystring: z.strictObject({
          ...listQuery,
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema.optional(),
          feature_code: featureCode,
          from: instantSchema.optional(),
          to: instantSchema.optional(),
        }),
        response: { 200: listResponse(shapes.entrySchema) },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const { from, to } = query;
      const projectId = await access.projectOf(request, query.project_id);
      void reply.header('cache-control', 'no-store');
      return loadPage(
        query,
        (asked) => {
          if (asked.after !== undefined && entryInstant(asked.after) === null) throw notACursor();
          const filter = { projectId, userId: query.user_id, featureCode: query.feature_code };
          return loadEntryPage(database, { ...filter, from, to }, asked);
        },
        ({ id }) => id,
      );
    },
  );

  app.get(
    '/api/v1/usage/summary',
    {
      config: { auth: 'read', alsoScope: 'usage', cost: heavyCost, problems: ['window_invalid'] },
      schema: {
        tags,
        summary: 'Sum usage by feature and by day or month in UTC',
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema.optional().describe('Limits the sums to this user'),
          feature_code: featureCode,
          from: instantSchema.describe(
            'Start of the window. After `USAGE_RETENTION_MONTHS`, only the sums of whole days in UTC are known: a day that the window has in part is left out.',
          ),
          to: instantSchema.describe('End of the window, exclusive'),
          interval: z.enum(['day', 'month']).default('day'),
        }),
        response: { 200: z.object({ data: z.array(shapes.summaryRow) }) },
      },
    },
    async (request, reply) => {
      const { feature_code: code, from, interval, to, user_id: userId, ...given } = request.query;
      const projectId = await access.projectOf(request, given.project_id);
      requireWindow(from, to);
      void reply.header('cache-control', 'no-store');
      const filter = { projectId, from, to, interval, featureCode: code, userId };
      return { data: (await loadSummary(database, filter)).map(toSummaryDto) };
    },
  );
}

/** @throws ProblemError `window_invalid` */
function requireWindow(from: number, to: number): void {
  const message =
    to <= from
      ? 'must be after `from`'
      : to - from > maxSummaryMs
        ? 'must be at most 800 days after `from`'
        : null;
  if (message !== null)
    throw new ProblemError('window_invalid', undefined, [{ path: 'to', message }]);
}

function toSummaryDto(row: SummaryRow): z.infer<typeof shapes.summaryRow> {
  const { featureCode: code, from, reversed, to, used, users } = row;
  return {
    ...{ from: isoInstant(from), to: isoInstant(to), feature_code: code },
    ...{ used, reversed, users },
  };
}
