import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import { ProblemError } from '../http/problem.ts';
import { isToken } from './user-tokens.ts';

/** Returns the key or token of a request's `Authorization` header. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/**
 * Returns the key or token of a request to a route that accepts it in several places. `Authorization` takes
 * precedence over `X-API-Key`. `access_token` accepts only user tokens, because URLs end up in logs and
 * browser histories.
 *
 * @throws ProblemError `bad_request` if both `Authorization` and `access_token` are sent; `unauthorized` if
 *   `access_token` is not a user token.
 */
export function credentialOf(
  request: FastifyRequest,
  { userTokens, apiKeyHeader }: FastifyContextConfig,
): string | undefined {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  const inQuery = userTokens === 'inQuery' ? queryOf(request)['access_token'] : undefined;
  if (inQuery === undefined) {
    if (apiKeyHeader === undefined || authorization !== undefined) return bearerOf(request);
    return typeof apiKey === 'string' ? apiKey : undefined;
  }
  if (authorization !== undefined) {
    throw new ProblemError('bad_request', undefined, [
      { path: 'access_token', message: 'must be left out if `Authorization` is sent' },
    ]);
  }
  if (typeof inQuery === 'string' && isToken(inQuery)) return inQuery;
  throw new ProblemError(
    'unauthorized',
    '`access_token` must be a user token. Send an API key as `Authorization: Bearer KEY`.',
  );
}

/** Returns the query, parsed but not yet validated. */
export function queryOf({ query }: FastifyRequest): Record<string, unknown> {
  return typeof query === 'object' ? { ...query } : {};
}
