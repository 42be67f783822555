import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { hasAnswerAlready } from '../http/if-none-match.ts';
import { ProblemError } from '../http/problem.ts';
import {
  featureCodeSchema,
  instantSchema,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { sendJson } from '../http/send-json.ts';
import type { Database } from '../platform/database.ts';
import type { EntitlementsBody } from './core/answer.ts';
import { type CachedAnswer, featureWord, finishAnswer } from './read/cached-answer.ts';
import type { KnownFeatures } from './read/known-features.ts';
import { loadTimelineKnownAt } from './read/load-known-at.ts';
import { loadTimeline } from './read/load-timelines.ts';
import { answerOf, type Read, readEntitlements, type ReadDeps } from './read/read-entitlements.ts';
import { checkResponse, entitlementsResponse } from './schemas.ts';
import type { UserName } from './users.ts';

export interface EntitlementRouteDeps extends ReadDeps {
  database: Database;
  features: KnownFeatures;
  access: ProjectAccess;
}

/**
 * The cost of a strong read. It is low, since strong reads share queries. A power of two, so that sums of it
 * are exact.
 */
const strongCost = 1 / 64;

const readQuery = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  at: instantSchema
    .optional()
    .describe('Evaluates at this instant instead of now, from the present facts'),
  min_revision: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('The minimum revision of the answer'),
  consistency: z.enum(['strong']).optional().describe('Reads straight from Postgres'),
});

const entitlementsQuery = readQuery.extend({
  known_at: instantSchema
    .optional()
    .describe('Answers as recorded at this instant. Without `at`, also evaluates at it.'),
  feature_code: z
    .union([featureCodeSchema, z.array(featureCodeSchema).max(100)])
    .transform((codes) => (typeof codes === 'string' ? [codes] : codes))
    .optional()
    .describe('Limits the answer to these features; repeatable'),
});

const checkQuery = readQuery.extend({ feature_code: featureCodeSchema });

/** Registers the routes that micro-apps call on every request they serve. */
export function entitlementRoutes(app: App, deps: EntitlementRouteDeps): void {
  app.get(
    '/api/v1/entitlements',
    {
      config: { auth: 'read', cost: costOfRead, problems: ['revision_not_reached'] },
      schema: {
        tags: ['Entitlements'],
        summary: 'Get what a user may use, now or at another instant',
        querystring: entitlementsQuery,
        response: { 200: entitlementsResponse, 304: z.undefined() },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = await userOf(deps, request, query);
      const { from, answer } = await read(deps, user, query);
      const wanted = query.feature_code;
      setHeaders(reply, from, answer);
      if (hasAnswerAlready(request.headers['if-none-match'], answer.etag)) {
        return reply.code(304).send(undefined);
      }
      return sendJson(
        reply,
        wanted === undefined ? answer.bodyText : JSON.stringify(onlyFeatures(answer, wanted)),
      );
    },
  );

  app.get(
    '/api/v1/entitlements/check',
    {
      config: { auth: 'read', cost: costOfRead, problems: ['revision_not_reached'] },
      schema: {
        tags: ['Entitlements'],
        summary: 'Check whether a user may use one feature, and why',
        querystring: checkQuery,
        response: { 200: checkResponse },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = await userOf(deps, request, query);
      const { from, answer } = await read(deps, user, query);
      setHeaders(reply, from, answer);
      return sendJson(reply, await checkText(deps, user, answer, query.feature_code));
    },
  );
}

/**
 * Returns the cost of a read. Reads of the present are free unless they are strong, since most hit the cache.
 */
function costOfRead({ query }: FastifyRequest): number {
  if (typeof query !== 'object' || query === null) return 0;
  if ('at' in query || 'known_at' in query) return 1;
  return 'consistency' in query && query.consistency === 'strong' ? strongCost : 0;
}

async function userOf(
  deps: EntitlementRouteDeps,
  request: FastifyRequest,
  query: { project_id?: string | undefined; user_id: string },
): Promise<UserName> {
  return {
    projectId: await deps.access.projectOf(request, query.project_id),
    userId: query.user_id,
  };
}

async function read(
  deps: EntitlementRouteDeps,
  user: UserName,
  query: {
    at?: number | undefined;
    known_at?: number | undefined;
    min_revision?: number | undefined;
    consistency?: 'strong' | undefined;
  },
): Promise<Read> {
  const minRevision = query.min_revision ?? 0;
  const instant = query.at ?? query.known_at;
  const result =
    instant === undefined
      ? await readEntitlements(deps, user, { minRevision, strong: query.consistency === 'strong' })
      : await readAt(deps, user, instant, query.known_at);
  if (result.answer.revision < minRevision) {
    throw new ProblemError(
      'revision_not_reached',
      `The user's revision is ${result.answer.revision}, below \`min_revision\` ${minRevision}. Retry in a moment.`,
    );
  }
  return result;
}

async function readAt(
  deps: EntitlementRouteDeps,
  user: UserName,
  instant: number,
  knownAt: number | undefined,
): Promise<Read> {
  const stored =
    knownAt === undefined
      ? await loadTimeline(deps.database, user)
      : await loadTimelineKnownAt(deps, user, knownAt);
  return {
    from: 'bypass',
    answer: finishAnswer(answerOf(user, stored, instant), stored.recordedAt),
  };
}

/** Limits an answer to features; `next_change_at` still covers all of them. */
function onlyFeatures(answer: CachedAnswer, wanted: readonly string[]): EntitlementsBody {
  const body = bodyOf(answer);
  return {
    ...body,
    entitlements: body.entitlements.filter(({ feature_code: code }) => wanted.includes(code)),
  };
}

/** Returns the serialized body of `GET /entitlements/check`. */
async function checkText(
  deps: EntitlementRouteDeps,
  user: UserName,
  answer: CachedAnswer,
  featureCode: string,
): Promise<string> {
  const { revision } = answer;
  const word = featureWord(answer, featureCode);
  if (word?.allowed === true) {
    const { value, validTo } = word;
    return `{"allowed":true,"reason":"granted","value":${value},"valid_to":${validTo},"revision":${revision}}`;
  }
  const reason =
    word?.reason ??
    ((await deps.features.has(user.projectId, featureCode)) ? 'no_source' : 'feature_not_found');
  return `{"allowed":false,"reason":"${reason}","value":null,"valid_to":null,"revision":${revision}}`;
}

function bodyOf({ bodyText }: CachedAnswer): EntitlementsBody {
  return JSON.parse(bodyText) as EntitlementsBody; // written by finishAnswer
}

function setHeaders(reply: FastifyReply, from: Read['from'], answer: CachedAnswer): void {
  void reply.headers({
    etag: answer.etag,
    'cache-control': 'private, no-cache',
    'latchkey-cache': from,
    'latchkey-revision': answer.revision,
  });
}
