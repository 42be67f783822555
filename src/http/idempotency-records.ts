import type { Database, Tx } from '../platform/database.ts';

/** Age at which another request with the same key may take over a claim, milliseconds. */
const takeOverMs = 60_000;

/** Retention of a response, milliseconds. */
const idempotencyRetentionMs = 24 * 3_600_000;

/** What identifies a request: its caller, route and idempotency key. */
export interface ClaimName {
  actor: string;
  route: string;
  key: string;
}

/** A claimed key. It belongs to the request until another request takes it over. */
export interface Claim extends ClaimName {
  /** The same for every attempt of a request, so that Stripe recognizes retries. */
  id: string;
  lockedAt: Date;
}

export interface StoredClaim {
  request_hash: Buffer;
  status: 'running' | 'done';
  response_status: number | null;
  response_body: string | null;
}

/**
 * Claims a key with one statement. The claim succeeds if the key is free, if its previous claim was
 * abandoned, or if its stored response has expired.
 *
 * @returns null if another request owns the key.
 */
export async function takeClaim(
  database: Database,
  { actor, route, key }: ClaimName,
  requestHash: Buffer,
  now: number,
): Promise<Claim | null> {
  const { rows } = await database.pool.query<{ claim_id: string }>(
    `insert into idempotency_records as r
       (actor, route, key, request_hash, status, locked_at, created_at)
     values ($1, $2, $3, $4, 'running', $5, $5)
     on conflict (actor, route, key) do update set
       claim_id = case when r.created_at < $6 then excluded.claim_id else r.claim_id end,
       created_at = case when r.created_at < $6 then excluded.created_at else r.created_at end,
       request_hash = excluded.request_hash, status = 'running', response_status = null,
       response_body = null, locked_at = excluded.locked_at
     where r.created_at < $6
       or (r.status = 'running' and r.request_hash = excluded.request_hash
         and (r.locked_at < $7 or r.locked_at > $8))
     returning claim_id`,
    [
      actor,
      route,
      key,
      requestHash,
      new Date(now),
      new Date(now - idempotencyRetentionMs),
      new Date(now - takeOverMs),
      // A lock time in the future means that the clock was set back. If the other request is still running,
      // its transaction finds no claim and is rolled back.
      new Date(now + takeOverMs),
    ],
  );
  const [row] = rows;
  return row === undefined
    ? null
    : { actor, route, key, id: row.claim_id, lockedAt: new Date(now) };
}

/** Loads the state of the request that used a key; undefined if the key is free. */
export async function loadClaim(
  database: Database,
  { actor, route, key }: ClaimName,
): Promise<StoredClaim | undefined> {
  const { rows } = await database.pool.query<StoredClaim>(
    `select request_hash, status, response_status, response_body from idempotency_records
     where actor = $1 and route = $2 and key = $3`,
    [actor, route, key],
  );
  return rows[0];
}

/**
 * Stores a response in the same transaction as the change that it reports.
 *
 * @returns false if another request has taken over the key.
 */
export async function keepAnswerWith(
  tx: Tx,
  { actor, route, key, lockedAt }: Claim,
  status: number,
  body: string,
): Promise<boolean> {
  const kept = await tx.$executeRaw`
    update idempotency_records
    set status = 'done', response_status = ${status}, response_body = ${body}
    where actor = ${actor} and route = ${route} and key = ${key} and locked_at = ${lockedAt}
      and status = 'running'`;
  return kept === 1;
}

/**
 * Stores the response of a request that writes nothing, or a later response about a change already committed.
 * An error response never replaces the response to a committed change.
 */
export async function keepAnswer(
  database: Database,
  { actor, route, key, lockedAt }: Claim,
  status: number,
  body: string,
): Promise<void> {
  await database.pool.query(
    `update idempotency_records set status = 'done', response_status = $5, response_body = $6
     where actor = $1 and route = $2 and key = $3 and locked_at = $4
       and (status = 'running' or $5 < 400)`,
    [actor, route, key, lockedAt, status, body],
  );
}

/**
 * Deletes the claim of a request that changed nothing. If the claim already has a committed response, it
 * stays.
 */
export async function dropClaim(
  database: Database,
  { actor, route, key, lockedAt }: Claim,
): Promise<void> {
  await database.pool.query(
    `delete from idempotency_records
     where actor = $1 and route = $2 and key = $3 and locked_at = $4 and status = 'running'`,
    [actor, route, key, lockedAt],
  );
}

/** Deletes expired responses in batches and returns how many. */
export async function purgeIdempotency(database: Database, now: number): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from idempotency_records where ctid in (
       select ctid from idempotency_records where created_at < $1 limit 1000)`,
    [new Date(now - idempotencyRetentionMs)],
  );
  return rowCount ?? 0;
}
