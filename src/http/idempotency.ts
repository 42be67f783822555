import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { App } from './app-types.ts';
import { ProblemError } from './problem.ts';

/** A first request that has not ended after so long counts as dead, and the next one takes over. */
const takeOverMs = 60_000;

/** How long an answer is kept. */
const idempotencyRetentionMs = 24 * 3_600_000;

/** Where POSTs are idempotent by key. */
const idempotentPath = /^\/api\/v1\/(admin|checkout|portal)(\/|$)/;

interface Claim {
  actor: string;
  route: string;
  key: string;
  lockedAt: Date;
}

interface Stored {
  request_hash: Buffer;
  status: 'running' | 'done';
  response_status: number | null;
  response_body: string | null;
}

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
}

/**
 * `Idempotency-Key` on every POST under /admin, /checkout and /portal. The key is claimed once the
 * caller is known, before the body is looked at: a refusal is an answer too. The answer is kept for 24
 * hours, unless it is a 5xx, after which the key is free again.
 * A secret in an answer (`key`) is not kept, so a replay leaves it out.
 */
export function installIdempotency(app: App, deps: IdempotencyDeps): void {
  app.decorateRequest('idempotencyClaim', null);

  async function claimOrReplay(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const key = keyOf(request);
    if (key === null) return undefined;
    const claim = {
      actor: deps.actorOf(request),
      route: `${request.method} ${request.routeOptions.url ?? request.url}`,
      key,
      lockedAt: new Date(deps.clock()),
    };
    const requestHash = hashRequest(request);
    if (await takeClaim(deps.database, claim, requestHash)) {
      request.idempotencyClaim = claim;
      return undefined;
    }
    const stored = await loadStored(deps.database, claim);
    if (stored !== undefined && !stored.request_hash.equals(requestHash)) {
      throw new ProblemError('idempotency_key_reused');
    }
    if (stored?.status !== 'done' || stored.response_status === null) {
      throw new ProblemError('idempotency_in_progress');
    }
    return reply
      .code(stored.response_status)
      .type(
        stored.response_status >= 400
          ? 'application/problem+json; charset=utf-8'
          : 'application/json; charset=utf-8',
      )
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
    const kept = reply.statusCode < 500 && typeof payload === 'string';
    try {
      await (kept
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

/** Deletes answers that are kept no longer, a batch at a time; returns how many. */
export async function purgeIdempotency(database: Database, now: number): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from idempotency_records where ctid in (
       select ctid from idempotency_records where created_at < $1 limit 1000)`,
    [new Date(now - idempotencyRetentionMs)],
  );
  return rowCount ?? 0;
}

/** Whether a route keeps its answers under an `Idempotency-Key`. */
export function isIdempotent({ method, url }: RouteOptions): boolean {
  return [method].flat().includes('POST') && idempotentPath.test(url);
}

function keyOf(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw new ProblemError('bad_request', undefined, [
      { path: 'Idempotency-Key', message: 'must be 1 to 255 printable characters without spaces' },
    ]);
  }
  return header;
}

/** What makes two requests the same: the path with its ids, the query, and the body as it was sent. */
function hashRequest(request: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
}

/** One statement: the first gets the key, and so does one after a first that died or was kept too long. */
async function takeClaim(database: Database, claim: Claim, requestHash: Buffer): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `insert into idempotency_records as r
       (actor, route, key, request_hash, status, locked_at, created_at)
     values ($1, $2, $3, $4, 'running', $5, $5)
     on conflict (actor, route, key) do update set
       request_hash = excluded.request_hash, status = 'running', response_status = null,
       response_body = null, locked_at = excluded.locked_at, created_at = excluded.created_at
     where r.created_at < $6
       or (r.status = 'running' and r.locked_at < $7 and r.request_hash = excluded.request_hash)`,
    [
      claim.actor,
      claim.route,
      claim.key,
      requestHash,
      claim.lockedAt,
      new Date(claim.lockedAt.getTime() - idempotencyRetentionMs),
      new Date(claim.lockedAt.getTime() - takeOverMs),
    ],
  );
  return rowCount === 1;
}

async function loadStored(database: Database, claim: Claim): Promise<Stored | undefined> {
  const { rows } = await database.pool.query<Stored>(
    `select request_hash, status, response_status, response_body from idempotency_records
     where actor = $1 and route = $2 and key = $3`,
    [claim.actor, claim.route, claim.key],
  );
  return rows[0];
}

/** Only where the claim is still this request's: one that took over answers for itself. */
async function keepAnswer(
  database: Database,
  claim: Claim,
  status: number,
  body: string,
): Promise<void> {
  await database.pool.query(
    `update idempotency_records set status = 'done', response_status = $5, response_body = $6
     where actor = $1 and route = $2 and key = $3 and locked_at = $4 and status = 'running'`,
    [claim.actor, claim.route, claim.key, claim.lockedAt, status, body],
  );
}

async function dropClaim(database: Database, claim: Claim): Promise<void> {
  await database.pool.query(
    `delete from idempotency_records
     where actor = $1 and route = $2 and key = $3 and locked_at = $4 and status = 'running'`,
    [claim.actor, claim.route, claim.key, claim.lockedAt],
  );
}

function withoutSecret(payload: string): string {
  if (!payload.includes('"key":')) return payload;
  const body: unknown = JSON.parse(payload);
  if (typeof body !== 'object' || body === null || !('key' in body)) return payload;
  return JSON.stringify({ ...body, key: undefined });
}
