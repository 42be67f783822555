import type { FastifyRequest } from 'fastify';
import { type Caller, callerOf, readableUser } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { UserTokens } from '../auth/user-tokens.ts';
import type { App } from '../http/app-types.ts';
import { hasAnswerAlready } from '../http/if-none-match.ts';
import { featureNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { featureCodeSchema } from '../http/schemas.ts';
import { sendJson } from '../http/send-json.ts';
import { z } from 'zod';
import { evaluationText, revisionOfTag } from './core/ofrep.ts';
import * as shapes from './ofrep-schemas.ts';
import { featureWord, featureWords } from './read/cached-answer.ts';
import type { KnownFeatures } from './read/known-features.ts';
import { setAnswerHeaders } from './read/read-as-asked.ts';
import { readEntitlements, type ReadDeps } from './read/read-entitlements.ts';
import type { UserName } from './users.ts';

export interface OfrepRouteDeps extends ReadDeps {
  access: ProjectAccess;
  features: KnownFeatures;
  /** Null: the service signs nothing, so answers name no stream. */
  userTokens: UserTokens | null;
  publicUrl: string | undefined;
}

const tags = ['OFREP'];

/**
 * The tokens of streams in answers to keys begin every quarter of an hour and last for two of them, so that
 * the URL of a stream stays the same for a while: a client reconnects whenever it changes.
 */
const streamTokenSeconds = 900;

/** Registers OpenFeature's Remote Evaluation Protocol: features as flags, users as targeting keys. */
export function ofrepRoutes(app: App, deps: OfrepRouteDeps): void {
  const { access, features } = deps;

  async function userOf(
    request: FastifyRequest,
    body: z.infer<typeof shapes.evaluationBody>,
  ): Promise<UserName> {
    const userId = readableUser(callerOf(request), body.context?.targetingKey);
    if (userId === undefined) {
      throw new ProblemError('bad_request', undefined, [
        { path: 'context.targetingKey', message: 'is required: send the id of the user' },
      ]);
    }
    return { projectId: await access.projectOf(request, body.project_id), userId };
  }

  app.post(
    '/ofrep/v1/evaluate/flags/:feature_code',
    {
      config: {
        ...{ auth: 'read', userTokens: 'inHeader', apiKeyHeader: true, cost: 0 },
        problems: ['feature_not_found'],
        problemShape: shapes.ofrepProblem,
      },
      schema: {
        tags,
        summary: 'Evaluate one feature for a user',
        params: shapes.evaluationParams,
        body: shapes.evaluationBody,
        response: { 200: shapes.evaluationResponse },
      },
    },
    async (request, reply) => {
      const code = request.params.feature_code;
      const user = await userOf(request, request.body);
      const type = featureCodeSchema.safeParse(code).success
        ? await features.typeOf(user.projectId, code)
        : undefined;
      if (type === undefined) throw featureNotFound({ path: 'feature_code', isArchived: false });
      const { from, answer } = await readEntitlements(deps, user);
      setAnswerHeaders(reply, from, answer, answer.etag);
      const word = featureWord(answer, code);
      return sendJson(reply, evaluationText(code, type, word, answer.revision));
    },
  );

  app.post(
    '/ofrep/v1/evaluate/flags',
    {
      config: {
        ...{ auth: 'read', userTokens: 'inHeader', apiKeyHeader: true, cost: 0 },
        problemShape: shapes.ofrepProblem,
      },
      schema: {
        tags,
        summary: 'Evaluate all features for a user',
        querystring: shapes.bulkQuery,
        body: shapes.evaluationBody,
        response: { 200: shapes.bulkResponse, 304: z.undefined() },
      },
    },
    async (request, reply) => {
      const user = await userOf(request, request.body);
      const list = await features.list(user.projectId);
      const { from, answer } = await readEntitlements(deps, user, {
        minRevision: revisionOfTag(request.query.flagConfigEtag),
        strong: false,
      });
      const stream = streamOf(deps, callerOf(request), user);
      const etag = `${answer.etag.slice(0, -1)}-${list.version}${stream?.tag ?? ''}"`;
      setAnswerHeaders(reply, from, answer, etag);
      if (hasAnswerAlready(request.headers['if-none-match'], etag)) {
        return reply.code(304).send(undefined);
      }
      const { revision } = answer;
      const words = featureWords(answer);
      const flags = [...list.types].map(([code, type]) =>
        evaluationText(code, type, words.get(code) ?? null, revision),
      );
      const streams =
        stream === null
          ? ''
          : `,"eventStreams":[{"type":"sse","url":${JSON.stringify(stream.url)}}]`;
      return sendJson(
        reply,
        `{"flags":[${flags.join(',')}],"metadata":{"revision":${revision}}${streams}}`,
      );
    },
  );
}

/**
 * Returns the stream that tells of the user's changes, with a token in its URL: the caller's own, so that no
 * token outlives itself, or one for an API key's caller.
 *
 * @returns null if the service signs nothing; `tag` changes with the URL.
 */
function streamOf(
  { clock, publicUrl, userTokens }: OfrepRouteDeps,
  caller: Caller,
  user: UserName,
): { url: string; tag: string } | null {
  if (userTokens === null || publicUrl === undefined) return null;
  const { token, expiresAt } = caller.user ?? issueStreamToken(userTokens, user, clock());
  return {
    url: `${publicUrl}/api/v1/changes/stream?format=ofrep&access_token=${token}`,
    tag: `-${(expiresAt / 1_000).toString(36)}`,
  };
}

function issueStreamToken(userTokens: UserTokens, user: UserName, now: number) {
  const everyMs = streamTokenSeconds * 1_000;
  return userTokens.issue(user, Math.floor(now / everyMs) * everyMs, 2 * streamTokenSeconds);
}
