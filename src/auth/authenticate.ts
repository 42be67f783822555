import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { takesUserId } from '../http/user-parameter.ts';
import type { App, RouteAuth } from '../http/app-types.ts';
import { clientNetwork } from '../http/client-network.ts';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { hashKey, sameHash } from './api-key.ts';
import { type Caller, type KeyScope, platformActor, scopes } from './caller.ts';
import type { BrowserAccess } from './browser-access.ts';
import { bearerOf, credentialOf, queryOf } from './credential.ts';
import type { KeyLookup } from './key-lookup.ts';
import { createRateLimit } from './rate-limit.ts';
import { isToken } from './user-tokens.ts';

const platformCaller: Caller = {
  actor: platformActor,
  projectId: null,
  scopes: new Set(scopes),
  user: null,
};

export interface AuthDeps {
  adminApiKey: string;
  keys: KeyLookup;
  /** Rate limit and burst of each key on this instance, requests per second. */
  keyMaxRps: number;
  /** Null if user tokens are not enabled. */
  browsers: BrowserAccess | null;
  monotonic: Clock;
  metrics: Metrics;
}

/**
 * Requires a key on every route that is not open, and enforces each key's rate limit. Must be installed
 * before the routes. Startup fails if a route has no `config.auth`.
 */
export function installAuthentication(app: App, deps: AuthDeps): void {
  const { browsers } = deps;
  const platformHash = hashKey(deps.adminApiKey);
  const enforceRateLimit = createRateLimit(deps);

  async function callerFor(
    request: FastifyRequest,
    credential: string | undefined,
  ): Promise<Caller> {
    if (credential === undefined) {
      throw new ProblemError('unauthorized', 'Send an API key: Authorization: Bearer KEY.');
    }
    const hash = hashKey(credential);
    if (sameHash(hash, platformHash)) return platformCaller;
    if (browsers !== null && isToken(credential)) return browsers.tokens.find(credential);
    const caller = await deps.keys.find(credential, hash, () => clientNetwork(request.ip));
    if (caller !== null) return caller;
    throw new ProblemError(
      'unauthorized',
      'The API key is mistyped, deleted or expired. Send a valid key.',
    );
  }

  /** One shared hook per kind of route, so that a route that already has the hook is recognized. */
  const hooks = {
    read: authenticate('read'),
    checkout: authenticate('checkout'),
    usage: authenticate('usage'),
    admin: authenticate('admin'),
    platform: authenticate('platform'),
  };

  function authenticate(auth: Exclude<RouteAuth, 'open'>, alsoScope?: KeyScope) {
    return async (request: FastifyRequest): Promise<void> => {
      request.caller = await callerFor(request, bearerOf(request));
      enforceRateLimit(request.caller);
      requireScope(request.caller, auth, alsoScope);
    };
  }

  /**
   * Authenticates requests to a route that user tokens may also read, from pages of the project's origins.
   */
  function authenticateReader(auth: Exclude<RouteAuth, 'open'>, route: RouteOptions) {
    const { config = {} } = route;
    const namesUser = takesUserId(route);
    return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const { origin } = request.headers;
      let caller: Caller;
      try {
        caller = await callerFor(request, credentialOf(request, config));
      } catch (error) {
        // Without these headers, a page could not read the response that reports an expired token.
        await browsers?.cors.allowAny(reply, origin);
        throw error;
      }
      request.caller = caller;
      if (caller.user !== null) await browsers?.cors.allowProject(reply, origin, caller.projectId);
      enforceRateLimit(caller);
      if (caller.user === null) requireScope(caller, auth, config.alsoScope);
      else if (namesUser) request.query = { user_id: caller.user.userId, ...queryOf(request) };
    };
  }

  const ours = new WeakSet<object>(Object.values(hooks));

  function hookOf(auth: Exclude<RouteAuth, 'open'>, route: RouteOptions) {
    const { alsoScope, userTokens } = route.config ?? {};
    if (userTokens === undefined && alsoScope === undefined) return hooks[auth];
    const hook =
      userTokens === undefined ? authenticate(auth, alsoScope) : authenticateReader(auth, route);
    ours.add(hook);
    return hook;
  }

  app.decorateRequest('caller', null);
  app.addHook('onRoute', (route) => {
    const auth = route.config?.auth;
    if (auth === undefined) {
      throw new Error(`route ${String(route.method)} ${route.url} has no config.auth`);
    }
    if (auth === 'open') return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD route of a GET route already has the hooks of the GET route.
    if (given.some((hook) => ours.has(hook))) return;
    route.onRequest = [hookOf(auth, route), ...given];
  });
}

/**
 * Rejects a caller that lacks the scope.
 *
 * @throws ProblemError `scope_missing`.
 */
function requireScope(
  caller: Caller,
  auth: Exclude<RouteAuth, 'open'>,
  alsoScope?: KeyScope,
): void {
  const allowed =
    auth === 'platform'
      ? caller.projectId === null
      : caller.scopes.has(auth) || (alsoScope !== undefined && caller.scopes.has(alsoScope));
  if (allowed) return;
  if (caller.user !== null) {
    throw new ProblemError(
      'scope_missing',
      'A user token may only read the entitlements of its user. Send this request from your server, with an API key.',
    );
  }
  throw new ProblemError(
    'scope_missing',
    auth === 'platform'
      ? "Only the platform key (ADMIN_API_KEY) may do this. The request has a project's key."
      : `The API key lacks the scope \`${auth}\`. Create a key that has it: POST /api/v1/admin/projects/{id}/keys.`,
  );
}
