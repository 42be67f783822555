import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { App } from './app-types.ts';
import {
  type Claim,
  dropClaim,
  keepAnswer,
  keepAnswerWith,
  loadClaim,
  takeClaim,
} from './idempotency-records.ts';
import { ProblemError } from './problem.ts';

/** The paths on which POST requests support idempotency keys. */
const idempotentPath = /^\/api\/v1\/(admin|checkout|portal|subscriptions)(\/|$)/;

const header = 'Idempotency-Key';

declare module 'fastify' {
  interface FastifyRequest {
    idempotencyClaim: Claim | null;
  }
}

interface IdempotencyDeps {
  database: Database;
  clock: Clock;
  /** Returns who owns the request's idempotency keys: the API key's id, or `platform`. */
  actorOf: (request: FastifyRequest) => string;
  /**
   * Invalidates cache entries that a killed process left outdated, because every reader must see the change
   * after a replayed response too.
   */
  invalidatePending: () => Promise<unknown>;
}

/**
 * Stores the response in the same transaction as the change, as the last statement, so that a change is
 * committed together with the response to replay. Does nothing for a request without an `Idempotency-Key`.
 *
 * @throws ProblemError idempotency_in_progress if another request has taken over the key.
 */
export type KeepAnswer<Body> = (tx: Tx, body: Body) => Promise<void>;

/** Stores no response, for changes that run outside a request. */
export const keepNothing: KeepAnswer<unknown> = () => Promise.resolve();

/**
 * Returns a function that stores the response to a request, with the status that the reply has at that time.
 */
export function answerKeeper(
  reply: Pick<FastifyReply, 'request' | 'serializeInput' | 'statusCode'>,
): KeepAnswer<object> {
  return async (tx, body) => {
    const claim = reply.request.idempotencyClaim;
    if (claim === null) return;
    const { statusCode } = reply;
    const payload = withoutSecret(String(reply.serializeInput({ ...body }, String(statusCode))));
    if (!(await keepAnswerWith(tx, claim, statusCode, payload))) {
      throw stillRunning();
    }
  };
}

/**
 * Returns the id that a request and its retries with the same `Idempotency-Key` share; null if the request
 * has no such header. Idempotency keys sent to Stripe contain this id.
 */
export function repeatableId({ idempotencyClaim }: FastifyRequest): string | null {
  return idempotencyClaim?.id ?? null;
}

/**
 * Installs `Idempotency-Key` on every POST under /admin, /checkout, /portal and /subscriptions. The key is claimed after
 * authentication and before validation, so that the responses to invalid requests are replayed too. A change
 * stores its response in its own transaction (`KeepAnswer`). Other responses are stored here when they are
 * sent.
 *
 * Responses are kept for 24 hours. After a 429, or a 5xx that changed nothing, the key is free again. Secrets
 * in a response (`key`, `secret`) are not stored, so a replay omits them.
 */
export function installIdempotency(app: App, deps: IdempotencyDeps): void {
  app.decorateRequest('idempotencyClaim', null);

  async function claimOrReplay(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const key = idempotencyKeyOf(request);
    if (key === null) return undefined;
    const name = {
      actor: deps.actorOf(request),
      route: `${request.method} ${request.routeOptions.url ?? request.url}`,
      key,
    };
    const requestHash = hashRequest(request);
    request.idempotencyClaim = await takeClaim(deps.database, name, requestHash, deps.clock());
    if (request.idempotencyClaim !== null) return undefined;
    const stored = await loadClaim(deps.database, name);
    if (stored !== undefined && !stored.request_hash.equals(requestHash)) {
      throw new ProblemError('idempotency_key_reused', undefined, [
        {
          path: header,
          message: 'was used for a request with a different path, query or body: send a new key',
        },
      ]);
    }
    if (stored?.status !== 'done' || stored.response_status === null) {
      throw stillRunning();
    }
    const isRefusal = stored.response_status >= 400;
    if (!isRefusal) await deps.invalidatePending();
    return reply
      .code(stored.response_status)
      .type(`application/${isRefusal ? 'problem+json' : 'json'}; charset=utf-8`)
      .header('idempotency-replayed', 'true')
      .send(stored.response_body);
  }

  async function keep<Payload>(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: Payload,
  ): Promise<Payload> {
    const claim = request.idempotencyClaim;
    if (claim === null) return payload;
    request.idempotencyClaim = null;
    // A throttled request was not handled.
    const isAnswer =
      reply.statusCode < 500 && reply.statusCode !== 429 && typeof payload === 'string';
    try {
      await (isAnswer
        ? keepAnswer(deps.database, claim, reply.statusCode, withoutSecret(payload))
        : dropClaim(deps.database, claim));
    } catch (error) {
      // The change may already be committed, so the client must get its response even if it cannot be stored.
      request.log.error({ err: error }, 'could not store the response for an idempotency key');
    }
    return payload;
  }

  // Installed only on these routes, because a hook adds cost to every request.
  app.addHook('onRoute', (route) => {
    if (!isIdempotent(route)) return;
    route.preValidation = [claimOrReplay, ...[route.preValidation ?? []].flat()];
    route.onSend = [...[route.onSend ?? []].flat(), keep];
  });
}

/** Returns whether a route supports `Idempotency-Key`. */
export function isIdempotent({ method, url }: Pick<RouteOptions, 'method' | 'url'>): boolean {
  return [method].flat().includes('POST') && idempotentPath.test(url);
}

/**
 * Returns the idempotency key of a request; null if it has none.
 *
 * @throws ProblemError bad_request
 */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ProblemError('bad_request', undefined, [
      { path: header, message: 'must consist of 1 to 255 printable characters without spaces' },
    ]);
  }
  return key;
}

function stillRunning(): ProblemError {
  return new ProblemError('idempotency_in_progress', undefined, [
    { path: header, message: 'belongs to a request that is still running: retry later' },
  ]);
}

/** Hashes a request's path, query and body. */
function hashRequest(request: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
}

function withoutSecret(payload: string): string {
  if (!/"(key|secret)":/.test(payload)) return payload;
  const body: unknown = JSON.parse(payload);
  if (typeof body !== 'object' || body === null) return payload;
  return JSON.stringify({ ...body, key: undefined, secret: undefined });
}
