import type { Database } from '../platform/database.ts';
import type { SyncedType, Urgency } from './core/events.ts';
import { objectKey, type SyncedRef } from './core/synced-object.ts';

/*
 * The sync queue: a followed object's own row. One sequence numbers events and fetches. An object is due
 * while `wanted > fetched`, and a fetch covers every event with a lower number. A killed worker's lease
 * expires; nothing else has to be undone.
 */

/** Lease of a claimed object, milliseconds; afterwards another worker may claim it. */
const leaseMs = 10_000;

/** Attempts after which an object is `failed`: reported, and retried rarely. Outages do not count. */
export const maxAttempts = 12;

export interface Claim extends SyncedRef {
  urgency: Urgency;
  /** Whether it was never fetched before. */
  isNew: boolean;
  /** Number of attempts, this one included. */
  attempts: number;
  /** The number up to which this attempt is known to cover events. */
  wanted: bigint;
  /** When it was enqueued, epoch milliseconds. */
  wantedAt: number;
  leaseUntil: number;
  /** Its project, if that is known before the fetch. */
  projectId: string | null;
}

/** Selects the due objects that a worker claims. */
export interface ClaimRequest {
  /** Maximum number of claims. */
  limit: number;
  /** Only objects that a buyer waits for, only the others, or all. */
  of: 'buyers' | 'others' | 'all';
  /**
   * Quiet period required after the last event of an object that no buyer waits for, milliseconds, so that
   * the several events of one renewal cost one fetch. The total wait is at most ten times this.
   */
  quietMs: number;
}

interface ClaimRow {
  object_type: SyncedType;
  object_id: string;
  urgency: Urgency;
  attempts: number;
  wanted: string;
  is_new: boolean;
  wanted_at: Date;
  project_id: string;
}

/**
 * Maximum number of due objects, per project and in total, that a claim chooses from; far more than it takes.
 */
const lookedAt = 128;

/**
 * Claims due objects that no worker holds, the most urgent first. Among equally urgent ones, the project with
 * the fewest held objects goes first. Within a project, the object that has been due the longest goes first,
 * so that retries queue behind new objects. Objects of no known project share one turn.
 *
 * The query skips from project to project on the index, so one project's backlog does not hide another's
 * objects.
 */
export async function claimQueued(
  database: Database,
  now: number,
  { limit, of, quietMs }: ClaimRequest,
): Promise<Claim[]> {
  const leaseUntil = now + leaseMs;
  const { rows } = await database.pool.query<ClaimRow>({
    // Prepared, since planning it costs several times its execution.
    name: 'claim-wanted-objects',
    text: `with recursive turns as (
       (select urgency, project_id from followed_objects
        where wanted > fetched and urgency between $4 and $5
        order by urgency, project_id limit 1)
       union all
       select further.urgency, further.project_id from turns t cross join lateral (
         select urgency, project_id from followed_objects
         where wanted > fetched and urgency between $4 and $5
           and (urgency, project_id) > (t.urgency, t.project_id)
         order by urgency, project_id limit 1
       ) further
     ), ranked as (
       select due.*,
         row_number() over (
           partition by due.urgency, due.project_id order by is_held desc, due_at) as place
       from turns cross join lateral (
         select object_type, object_id, urgency, project_id,
           coalesce(next_attempt_at, wanted_at) as due_at,
           coalesce(lease_until > $1, false) as is_held
         from followed_objects f
         where wanted > fetched and f.urgency = turns.urgency and f.project_id = turns.project_id
           and (lease_until > $1 or (
             coalesce(next_attempt_at, wanted_at) <= $1
             and (f.urgency = 0 or told_at is null or told_at <= $6 or wanted_at <= $7)))
         order by coalesce(next_attempt_at, wanted_at) limit ${lookedAt}
       ) due
     ), next as materialized (
       select * from ranked where not is_held order by urgency, place, due_at limit ${lookedAt}
     )
     update followed_objects f set lease_until = $2, attempts = f.attempts + 1
     from (
       select object_type, object_id
       from followed_objects o join next using (object_type, object_id)
       where o.wanted > o.fetched and (o.lease_until is null or o.lease_until <= $1)
       order by next.urgency, next.place, next.due_at limit $3 for update of o skip locked
     ) free
     where f.object_type = free.object_type and f.object_id = free.object_id
     returning f.object_type, f.object_id, f.urgency, f.attempts, f.wanted, f.wanted_at,
       f.fetched = 0 as is_new, f.project_id`,
    values: [
      new Date(now),
      new Date(leaseUntil),
      limit,
      of === 'others' ? 1 : 0,
      of === 'buyers' ? 0 : 2,
      new Date(now - quietMs),
      new Date(now - 10 * quietMs),
    ],
  });
  return rows.map((row) => ({
    objectType: row.object_type,
    objectId: row.object_id,
    urgency: row.urgency,
    isNew: row.is_new,
    attempts: row.attempts,
    wanted: BigInt(row.wanted),
    wantedAt: row.wanted_at.getTime(),
    leaseUntil,
    projectId: row.project_id === '' ? null : row.project_id,
  }));
}

/**
 * Renews the leases of claims whose syncs are still running; lost claims stay lost. Rows that a transaction
 * is writing are skipped: no worker can claim them. Waiting for them would delay the other renewals and
 * reverse the order of locks.
 */
export async function renewLeases(
  database: Database,
  claims: readonly Claim[],
  now: number,
): Promise<void> {
  const leaseUntil = now + leaseMs;
  const { rows } = await database.pool.query<SyncedRef>(
    `update followed_objects f set lease_until = $4
     from (
       select object_type, object_id from followed_objects
       join unnest($1::text[], $2::text[], $3::timestamptz[]) as held (type, id, until)
         on object_type = type and object_id = id and lease_until = until
       for update of followed_objects skip locked
     ) free
     where f.object_type = free.object_type and f.object_id = free.object_id
     returning f.object_type as "objectType", f.object_id as "objectId"`,
    [
      claims.map(({ objectType }) => objectType),
      claims.map(({ objectId }) => objectId),
      claims.map((claim) => new Date(claim.leaseUntil)),
      new Date(leaseUntil),
    ],
  );
  const renewed = new Set(rows.map(objectKey));
  for (const claim of claims) if (renewed.has(objectKey(claim))) claim.leaseUntil = leaseUntil;
}

/** A failed attempt. */
export interface Failure {
  /** False if the failure is independent of the object, such as a rate limit or an outage. */
  counts: boolean;
  /** Back-off before the next attempt, milliseconds. */
  retryMs: number;
  error: string;
}

/**
 * Releases a claimed object after a failed attempt; after its last attempt it becomes `failed`. An event that
 * came during the attempt restores all its attempts. Nothing is written if the lease has expired and another
 * worker holds the object, or if the object was fetched since.
 *
 * @returns whether the object is failed.
 */
export async function recordFailure(
  database: Database,
  claim: Claim,
  failure: Failure,
  now: number,
): Promise<boolean> {
  const { rows } = await database.pool.query<{ failed: boolean }>(
    `update followed_objects set
       lease_until = null, last_error = $4,
       next_attempt_at = case when wanted > $6 then least($5, $9::timestamptz + interval '1 second') else $5 end,
       attempts = case when wanted > $6 then 0 else greatest(0, attempts - case when $7 then 0 else 1 end) end,
       failed_at = case when wanted > $6 then null when $7 and attempts >= $8 then coalesce(failed_at, $9) else failed_at end
     where object_type = $1 and object_id = $2 and lease_until = $3
     returning failed_at is not null as failed`,
    [
      claim.objectType,
      claim.objectId,
      new Date(claim.leaseUntil),
      failure.error.slice(0, 1_000),
      new Date(now + failure.retryMs),
      claim.wanted,
      failure.counts,
      maxAttempts,
      new Date(now),
    ],
  );
  return rows[0]?.failed ?? false;
}
