import type { FastifyRequest } from 'fastify';
import type { App, RouteAuth } from '../http/app-types.ts';
import { clientNetwork } from '../http/client-network.ts';
import { ProblemError } from '../http/problem.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { hashKey, sameHash } from './api-key.ts';
import { type Caller, platformActor } from './caller.ts';
import type { KeyLookup } from './key-lookup.ts';

const platformCaller: Caller = {
  actor: platformActor,
  projectId: null,
  scopes: new Set(['read', 'checkout', 'admin']),
};

/**
 * Maximum number of keys with a token bucket. Only valid keys get one.
 */
const maxKeys = 10_000;

export interface AuthDeps {
  adminApiKey: string;
  keys: KeyLookup;
  /** Rate limit and burst of one key at this instance, requests per second. */
  keyMaxRps: number;
  monotonic: Clock;
  metrics: Metrics;
}

/**
 * Requires a key on every route that is not open, and enforces the rate limit of each key. Must be installed
 * before the routes. Startup fails if a route has no `config.auth`.
 */
export function installAuthentication(app: App, deps: AuthDeps): void {
  const { keyMaxRps, monotonic, metrics } = deps;
  const platformHash = hashKey(deps.adminApiKey);
  const requests = createTokenBuckets({
    perSecond: keyMaxRps,
    capacity: keyMaxRps,
    maxEntries: maxKeys,
  });

  async function callerFor(request: FastifyRequest): Promise<Caller> {
    const key = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    if (key === undefined) {
      throw new ProblemError('unauthorized', 'Send an API key: Authorization: Bearer KEY.');
    }
    const hash = hashKey(key);
    if (sameHash(hash, platformHash)) return platformCaller;
    const caller = await deps.keys.find(key, hash, () => clientNetwork(request.ip));
    if (caller !== null) return caller;
    throw new ProblemError(
      'unauthorized',
      'The API key is mistyped, deleted or expired: send another.',
    );
  }

  /** One shared hook per kind of route, so that a route that has it already is recognized. */
  const hooks = {
    read: authenticate('read'),
    checkout: authenticate('checkout'),
    admin: authenticate('admin'),
    platform: authenticate('platform'),
  };

  function authenticate(auth: Exclude<RouteAuth, 'open'>) {
    return async (request: FastifyRequest): Promise<void> => {
      request.caller = await callerFor(request);
      enforceRateLimit(request.caller);
      requireScope(request.caller, auth);
    };
  }

  /**
   * Charges a request to the key's rate limit.
   *
   * @throws ProblemError `too_many_requests`.
   */
  function enforceRateLimit({ actor }: Caller): void {
    if (requests.take(actor, monotonic()) === 0) return;
    metrics.rateLimited.inc({ limit: 'key' });
    throw new ProblemError(
      'too_many_requests',
      `The API key exceeds ${keyMaxRps} requests per second. Retry later, or send fewer.`,
    );
  }

  app.decorateRequest('caller', null);
  app.addHook('onRoute', (route) => {
    const auth = route.config?.auth;
    if (auth === undefined) {
      throw new Error(`route ${String(route.method)} ${route.url} has no config.auth`);
    }
    if (auth === 'open') return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD route of a GET already has the hooks of the GET.
    if (!given.includes(hooks[auth])) route.onRequest = [hooks[auth], ...given];
  });
}

/**
 * Refuses a caller without the scope.
 *
 * @throws ProblemError `scope_missing`.
 */
function requireScope(caller: Caller, auth: Exclude<RouteAuth, 'open'>): void {
  const allowed = auth === 'platform' ? caller.projectId === null : caller.scopes.has(auth);
  if (allowed) return;
  throw new ProblemError(
    'scope_missing',
    auth === 'platform'
      ? 'Only the platform key (ADMIN_API_KEY) may do this. The request has a key of a project.'
      : `The API key lacks the scope \`${auth}\`. Create a key with it: POST /api/v1/admin/projects/{id}/keys.`,
  );
}
