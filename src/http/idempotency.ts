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

/** Where POSTs are idempotent by key. */
const idempotentPath = /^\/api\/v1\/(admin|checkout|portal)(\/|$)/;

/** The header that carries the key, as faults name it. */
const header = 'Idempotency-Key';

declare module 'fastify' {
  interface FastifyRequest {
    idempotencyClaim: Claim | null;
  }
}

interface IdempotencyDeps {
  database: Database;
  clock: Clock;
  /** Whose keys they are: the API key's id, or `platform`. */
  actorOf: (request: FastifyRequest) => string;
  /** Invalidates what a killed process left pending: a replayed answer promises that every reader sees the change. */
  tellCache: () => Promise<unknown>;
}

/**
 * Keeps the answer of a deed in the transaction of the deed, as its last statement. So a process that is
 * killed right after the commit leaves the answer to be replayed, and the deed is done once. Does nothing
 * for a request without an `Idempotency-Key`.
 *
 * @throws ProblemError idempotency_in_progress where another request has taken the key over meanwhile.
 */
export type KeepAnswer<Body> = (tx: Tx, body: Body) => Promise<void>;

/** For changes that run outside a request. */
export const keepNothing: KeepAnswer<unknown> = () => Promise.resolve();

/** Returns what keeps the answer to a request. The status is the reply's, so it is set before. */
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
 * Returns the id of a request, the same each time it is repeated under its `Idempotency-Key`; null where
 * it has none. Names the request to Stripe.
 */
export function repeatableId({ idempotencyClaim }: FastifyRequest): string | null {
  return idempotencyClaim?.id ?? null;
}

/**
 * `Idempotency-Key` on every POST under /admin, /checkout and /portal. The key is claimed once the
 * caller is known, before the body is looked at: a refusal is an answer too. A deed keeps its answer in
 * its own transaction (`KeepAnswer`); what writes nothing is kept here, when the answer is sent. Answers
 * are kept for 24 hours; after a 5xx that did nothing, or a 429, the key is
 * free again.
 * A secret in an answer (`key`) is not kept, so a replay leaves it out.
 */
export function installIdempotency(app: App, deps: IdempotencyDeps): void {
  app.decorateRequest('idempotencyClaim', null);

  async function claimOrReplay(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const key = keyOf(request);
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
          message: 'was used for a request with another path, query or body: send a new key',
        },
      ]);
    }
    if (stored?.status !== 'done' || stored.response_status === null) {
      throw stillRunning();
    }
    const isRefusal = stored.response_status >= 400;
    if (!isRefusal) await deps.tellCache();
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
      // The work is done, and its answer is worth more than the record of it.
      request.log.error({ err: error }, 'the answer to an idempotency key could not be kept');
    }
    return payload;
  }

  // On these routes alone, since a hook costs every request that it sees.
  app.addHook('onRoute', (route) => {
    if (!isIdempotent(route)) return;
    route.preValidation = [claimOrReplay, ...[route.preValidation ?? []].flat()];
    route.onSend = [...[route.onSend ?? []].flat(), keep];
  });
}

/** Whether a route keeps its answers under an `Idempotency-Key`. */
export function isIdempotent({ method, url }: Pick<RouteOptions, 'method' | 'url'>): boolean {
  return [method].flat().includes('POST') && idempotentPath.test(url);
}

function keyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ProblemError('bad_request', undefined, [
      { path: header, message: 'must be 1 to 255 printable characters without spaces' },
    ]);
  }
  return key;
}

function stillRunning(): ProblemError {
  return new ProblemError('idempotency_in_progress', undefined, [
    { path: header, message: 'is that of a request that is still running: try again later' },
  ]);
}

/** What makes two requests the same: the path with its ids, the query, and the body as it was sent. */
function hashRequest(request: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
}

function withoutSecret(payload: string): string {
  if (!payload.includes('"key":')) return payload;
  const body: unknown = JSON.parse(payload);
  if (typeof body !== 'object' || body === null || !('key' in body)) return payload;
  return JSON.stringify({ ...body, key: undefined });
}
