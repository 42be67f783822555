import { setImmediate as otherWork } from 'node:timers/promises';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { featureNotFound } from '../http/not-found.ts';
import { listResponse, loadPage } from '../http/schemas.ts';
import { sendJson } from '../http/send-json.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { DeniedReason, EntitlementsAnswer } from './core/answer.ts';
import { deniedFeatures } from './core/denied.ts';
import { presentOf } from './core/present.ts';
import * as shapes from './query-schemas.ts';
import { loadExplanation } from './query/load-explanation.ts';
import { loadFeatureUsers } from './query/load-feature-users.ts';
import { loadHistory, positionOf } from './query/load-history.ts';
import type { KnownFeatures } from './read/known-features.ts';
import { loadTimelines } from './read/load-timelines.ts';
import { answerOf } from './read/read-entitlements.ts';

export interface QueryRouteDeps {
  clock: Clock;
  database: Database;
  features: KnownFeatures;
  access: ProjectAccess;
}

const tags = ['Entitlements'];

/** Maximum number of batch answers to build in one turn of the event loop. */
const answersAtOnce = 20;

/**
 * Registers the routes for other views of entitlements: batches, explanations, history, and the users of a
 * feature.
 */
export function queryRoutes(app: App, deps: QueryRouteDeps): void {
  const { access, clock, database, features } = deps;

  /** Returns the answers for distinct users as JSON strings, by user id. */
  async function answerTexts(
    projectId: string,
    userIds: readonly string[],
    wanted: readonly string[] | undefined,
    withReasons: boolean,
  ): Promise<Map<string, string>> {
    const now = clock();
    const known = withReasons ? (await features.list(projectId)).types : null;
    const users = userIds.map((userId) => ({ projectId, userId }));
    const texts = new Map<string, string>();
    for (const { user, timeline } of await loadTimelines(database, users)) {
      const answer = answerOf(user, timeline, presentOf(timeline, now), wanted);
      const body = known === null ? answer.body : withDenied(answer, known.keys(), wanted);
      texts.set(user.userId, JSON.stringify(body));
      if (texts.size % answersAtOnce === 0) await otherWork();
    }
    return texts;
  }

  app.post(
    '/api/v1/entitlements/batch',
    {
      config: { auth: 'read', cost: 2 },
      schema: {
        tags,
        summary: 'Get the current entitlements of up to 100 users, straight from Postgres',
        body: shapes.batchBody,
        response: { 200: shapes.batchResponse },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const projectId = await access.projectOf(request, body.project_id);
      const texts = await answerTexts(
        projectId,
        [...new Set(body.user_ids)],
        body.feature_codes,
        body.include?.includes('reasons') ?? false,
      );
      const data = body.user_ids.map((userId) => texts.get(userId) ?? '');
      return sendJson(reply, `{"data":[${data.join(',')}]}`);
    },
  );

  app.get(
    '/api/v1/entitlements/explain',
    {
      config: { auth: 'read', userTokens: 'inHeader' },
      schema: {
        tags,
        summary:
          'Explain why a user may or may not use a feature: every source and revocation, with its ids',
        querystring: shapes.explainQuery,
        response: { 200: shapes.explainResponse },
      },
    },
    async (request) => {
      const { feature_code: featureCode, at } = request.query;
      const user = await access.userOf(request, request.query);
      const explanation = await loadExplanation(database, user, featureCode, {
        at,
        now: clock(),
      });
      return shapes.toExplanationDto(user.userId, featureCode, explanation);
    },
  );

  app.get(
    '/api/v1/entitlements/history',
    {
      config: { auth: 'read' },
      schema: {
        tags,
        summary: "List the changes of a user's entitlements, latest first",
        querystring: shapes.historyQuery,
        response: { 200: listResponse(shapes.recordedSegmentSchema) },
      },
    },
    async (request) => {
      const { user_id: userId, feature_code: featureCode, ...given } = request.query;
      const user = { projectId: await access.projectOf(request, given.project_id), userId };
      return loadPage(
        request.query,
        (asked) => loadHistory(database, user, featureCode, asked),
        positionOf,
        shapes.toRecordedSegmentDto,
      );
    },
  );

  app.get(
    '/api/v1/features/:feature_code/users',
    {
      config: { auth: 'read', problems: ['feature_not_found'] },
      schema: {
        tags,
        summary:
          'List the users who may use a feature, now or at another instant, oldest users first',
        params: shapes.featureUsersParams,
        querystring: shapes.featureUsersQuery,
        response: { 200: listResponse(shapes.featureUserSchema) },
      },
    },
    async (request) => {
      const { at, ...given } = request.query;
      const featureCode = request.params.feature_code;
      const projectId = await access.projectOf(request, given.project_id);
      if (!(await features.has(projectId, featureCode)))
        throw featureNotFound({ path: 'feature_code', isArchived: false });
      const feature = { projectId, featureCode };
      return loadPage(
        request.query,
        (asked) => loadFeatureUsers(database, feature, { at, now: clock() }, asked),
        ({ userId }) => userId,
        shapes.toFeatureUserDto,
      );
    },
  );
}

/** Returns the body of an answer, with the reasons for denied features added. */
function withDenied(
  { body, denied }: EntitlementsAnswer,
  codes: Iterable<string>,
  wanted: readonly string[] | undefined,
): object {
  const reasons = new Map<string, DeniedReason | 'granted'>(Object.entries(denied));
  for (const { feature_code: code } of body.entitlements) reasons.set(code, 'granted');
  return { ...body, denied: deniedFeatures(codes, wanted, (code) => reasons.get(code)) };
}
