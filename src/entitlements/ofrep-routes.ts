import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Caller, callerOf, readableUser } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { UserTokens } from '../auth/user-tokens.ts';
import type { App } from '../http/app-types.ts';
import { hasAnswerAlready } from '../http/if-none-match.ts';
import { featureNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { sendJson } from '../http/send-json.ts';
import { z } from 'zod';
import { type Balances, type FeatureBalance, withBalance } from './balances.ts';
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
  balances: Balances;
  /** Null if the service has no signing keys. Answers then contain no stream URL. */
  userTokens: UserTokens | null;
  publicUrl: string | undefined;
}

const tags = ['OFREP'];

/**
 * How often the token in a stream's URL changes for callers with an API key, seconds. Each token is valid for
 * two such periods. A client reconnects whenever the URL changes.
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
      const type = await features.typeOf(user.projectId, code);
      if (type === undefined) throw featureNotFound({ path: 'feature_code', isArchived: false });
      const { from, answer } = await readEntitlements(deps, user);
      setAnswerHeaders(reply, from, answer, answer.etag);
      const word = featureWord(answer, code);
      const isGranted = word?.allowed === true && type === 'metered';
      const [balance] = isGranted ? await deps.balances.of(user, code) : [];
      const shown = word === null ? null : withBalance(word, balance);
      return sendJson(reply, evaluationText(code, type, shown, answer.revision));
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
      const { from, answer } = await readEntitlements(deps, user, {
        minRevision: revisionOfTag(request.query.flagConfigEtag),
        strong: false,
      });
      const words = featureWords(answer);
      const list = await features.list(user.projectId, words.keys());
      const stream = streamOf(deps, callerOf(request), user);
      const isAnyMetered = [...words].some(
        ([code, word]) => word.allowed && list.types.get(code) === 'metered',
      );
      const balances = isAnyMetered ? await deps.balances.of(user, null) : [];
      for (const balance of balances) {
        const word = words.get(balance.featureCode);
        const shown = word === undefined ? null : withBalance(word, balance);
        if (shown === null) words.delete(balance.featureCode);
        else words.set(balance.featureCode, shown);
      }
      const tag = `${tagOf(balances)}${stream?.tag ?? ''}`;
      const etag = `${answer.etag.slice(0, -1)}-${list.version}${tag}"`;
      setAnswerHeaders(reply, from, answer, etag);
      if (hasAnswerAlready(request.headers['if-none-match'], etag)) {
        return reply.code(304).send(undefined);
      }
      const { revision } = answer;
      const flags = [...list.types].map(([code, type]) =>
        evaluationText(code, type, words.get(code) ?? null, revision),
      );
      const streams =
        stream === null
          ? ''
          : `,"eventStreams":[{"type":"sse","url":${JSON.stringify(stream.url())}}]`;
      return sendJson(
        reply,
        `{"flags":[${flags.join(',')}],"metadata":{"revision":${revision}}${streams}}`,
      );
    },
  );
}

/** Returns a tag that changes with balances, which change without the user's revision. */
function tagOf(balances: readonly FeatureBalance[]): string {
  if (balances.length === 0) return '';
  const texts = balances.map(({ balance, featureCode }) => `${featureCode} ${balance}`);
  return `-${hash('sha256', texts.join('\n')).slice(0, 10)}`;
}

/**
 * Returns the stream of the user's changes; null if the service has no signing keys. Its URL contains a
 * token: the caller's own, so that no token renews itself, or a new one for the caller of an API key.
 *
 * @returns `url` signs a token, so call it only to send the URL. `tag` changes with the URL.
 */
function streamOf(
  { clock, publicUrl, userTokens }: OfrepRouteDeps,
  caller: Caller,
  user: UserName,
): { url: () => string; tag: string } | null {
  if (userTokens === null || publicUrl === undefined) return null;
  const everyMs = streamTokenSeconds * 1_000;
  const issuedAt = Math.floor(clock() / everyMs) * everyMs;
  return {
    url() {
      const { token } = caller.user ?? userTokens.issue(user, issuedAt, 2 * streamTokenSeconds);
      return `${publicUrl}/api/v1/changes/stream?format=ofrep&access_token=${token}`;
    },
    tag: `-${((caller.user?.expiresAt ?? issuedAt) / 1_000).toString(36)}`,
  };
}
