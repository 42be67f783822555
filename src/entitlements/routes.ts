import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { hasAnswerAlready } from '../http/if-none-match.ts';
import {
  featureCodeSchema,
  instantSchema,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { sendJson } from '../http/send-json.ts';
import type { Database } from '../platform/database.ts';
import { type Balances, balanceText, type FeatureBalance, isEnough } from './balances.ts';
import type { EntitlementsBody } from './core/answer.ts';
import { deniedFeatures } from './core/denied.ts';
import { type CachedAnswer, featureWord, featureWords, isMetered } from './read/cached-answer.ts';
import type { FeatureList, KnownFeatures } from './read/known-features.ts';
import { costOfRead, freshnessQuery, readAsAsked, setAnswerHeaders } from './read/read-as-asked.ts';
import type { ReadDeps } from './read/read-entitlements.ts';
import { checkResponse, entitlementsResponse } from './schemas.ts';
import type { UserName } from './users.ts';

export interface EntitlementRouteDeps extends ReadDeps {
  database: Database;
  features: KnownFeatures;
  access: ProjectAccess;
  balances: Balances;
}

const readQuery = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  at: instantSchema
    .optional()
    .describe('Evaluates the current facts at this instant instead of now'),
  ...freshnessQuery,
});

const entitlementsQuery = readQuery.extend({
  known_at: instantSchema
    .optional()
    .describe(
      'Returns the answer as recorded at this instant. Without `at`, it is also evaluated at this instant.',
    ),
  feature_code: z
    .union([featureCodeSchema, z.array(featureCodeSchema).max(100)])
    .transform((codes) => (typeof codes === 'string' ? [codes] : codes))
    .optional()
    .describe('Limits the answer to these features. Repeat the parameter to list several.'),
  include: z.enum(['reasons']).optional().describe('`reasons`: adds `denied`'),
});

const checkQuery = readQuery.extend({
  feature_code: featureCodeSchema,
  amount: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(1)
    .describe('Whether the balance of a metered feature suffices for this amount'),
});

/** Registers the routes that micro-apps call on every request that they serve. */
export function entitlementRoutes(app: App, deps: EntitlementRouteDeps): void {
  app.get(
    '/api/v1/entitlements',
    {
      config: {
        auth: 'read',
        userTokens: 'inHeader',
        cost: costOfRead,
        problems: ['revision_not_reached'],
      },
      schema: {
        tags: ['Entitlements'],
        summary: 'Get what a user may use, now or at another instant',
        querystring: entitlementsQuery,
        response: { 200: entitlementsResponse, 304: z.undefined() },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = await deps.access.userOf(request, query);
      const { from, answer } = await readAsAsked(deps, user, query);
      const features =
        query.include === undefined ? null : await deps.features.list(user.projectId);
      const etag = features === null ? answer.etag : etagWithReasons(answer, features);
      setAnswerHeaders(reply, from, answer, etag);
      if (hasAnswerAlready(request.headers['if-none-match'], etag)) {
        return reply.code(304).send(undefined);
      }
      return sendJson(reply, bodyTextOf(answer, query.feature_code, features));
    },
  );

  app.get(
    '/api/v1/entitlements/check',
    {
      config: {
        auth: 'read',
        userTokens: 'inHeader',
        cost: costOfRead,
        problems: ['revision_not_reached'],
      },
      schema: {
        tags: ['Entitlements'],
        summary: 'Check whether a user may use one feature, and why',
        querystring: checkQuery,
        response: { 200: checkResponse },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = await deps.access.userOf(request, query);
      const { from, answer } = await readAsAsked(deps, user, query);
      setAnswerHeaders(reply, from, answer, answer.etag);
      return sendJson(reply, await checkText(deps, user, answer, query));
    },
  );
}

/** Returns the ETag of an answer with reasons. Such an answer also depends on the project's features. */
function etagWithReasons({ etag }: CachedAnswer, { version }: FeatureList): string {
  return `${etag.slice(0, -1)}-${version}"`;
}

/**
 * Returns the serialized body of `GET /entitlements`.
 *
 * @param wanted limits the body to these features.
 * @param features the project's features, if the body must say why other features are denied.
 */
function bodyTextOf(
  answer: CachedAnswer,
  wanted: readonly string[] | undefined,
  features: FeatureList | null,
): string {
  const text =
    wanted === undefined ? answer.bodyText : JSON.stringify(onlyFeatures(answer, wanted));
  if (features === null) return text;
  const words = featureWords(answer);
  const denied = deniedFeatures(features.types.keys(), wanted, (code) => {
    const word = words.get(code);
    return word?.allowed === true ? 'granted' : word?.reason;
  });
  return `${text.slice(0, -1)},"denied":${JSON.stringify(denied)}}`;
}

/** Limits an answer to some features. `next_change_at` still covers all features. */
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
  { amount, at, feature_code: featureCode }: z.infer<typeof checkQuery>,
): Promise<string> {
  const { revision } = answer;
  const word = featureWord(answer, featureCode);
  if (word?.allowed === true) {
    const { value, validTo } = word;
    if (isMetered(answer, featureCode, value)) {
      const [found] = await deps.balances.of(user, featureCode, at);
      if (found !== undefined) return meteredText(word, found, amount, revision);
    }
    return `{"allowed":true,"reason":"granted","value":${value},"valid_to":${validTo},"revision":${revision}}`;
  }
  const reason =
    word?.reason ??
    ((await deps.features.has(user.projectId, featureCode)) ? 'no_source' : 'feature_not_found');
  return `{"allowed":false,"reason":"${reason}","value":null,"valid_to":null,"revision":${revision}}`;
}

/** Returns the serialized answer for a metered feature: what `consume` would answer. */
function meteredText(
  { validTo, value }: { validTo: string; value: string },
  found: FeatureBalance,
  amount: number,
  revision: number,
): string {
  const balance = balanceText(found);
  if (isEnough(found, amount)) {
    return `{"allowed":true,"reason":"granted","value":${value},"valid_to":${validTo},"revision":${revision},"balance":${balance}}`;
  }
  const reason = found.reason === 'granted' ? 'limit_reached' : found.reason;
  return `{"allowed":false,"reason":"${reason}","value":null,"valid_to":null,"revision":${revision},"balance":${balance}}`;
}

function bodyOf({ bodyText }: CachedAnswer): EntitlementsBody {
  return JSON.parse(bodyText) as EntitlementsBody; // written by finishAnswer
}
