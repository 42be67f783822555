import type { Database } from '../platform/database.ts';
import type { Urgency } from './core/events.ts';
import { objectKey, type SyncedRef } from './core/synced-object.ts';

/*
 * The sync queue consists of the rows of followed objects with `wanted > fetched`. Events and fetches draw
 * numbers from one sequence. A fetch covers every event with a lower number. If a worker dies, its leases
 * expire.
 */

/** Duration of a lease, milliseconds. After that, another worker may claim the object. */
const leaseMs = 10_000;

/**
 * Number of failed attempts after which an object is `failed`. It is then reported, and retried once an hour.
 */
export const maxAttempts = 12;

export interface Claim extends SyncedRef {
  urgency: Urgency;
  /** Whether the object has never been fetched. */
  isNew: boolean;
  /** Number of attempts, including this one. */
  attempts: number;
  /** The number of the last event that this attempt is guaranteed to cover. */
  wanted: bigint;
  /** When the object was enqueued, epoch milliseconds. */
  wantedAt: number;
  leaseUntil: number;
  /** The object's project, if known before the fetch. */
  projectId: string | null;
}

/** Which due objects to claim. */
export interface ClaimRequest {
  /** Maximum number of claims. */
  limit: number;
  /** Which objects to claim: those that a buyer waits for, the others, or all. */
  of: 'buyers' | 'others' | 'all';
  /**
   * Quiet period after an object's last event, milliseconds, so that the events of one renewal need only one
   * fetch. It does not apply if a buyer is waiting. An object waits for at most ten quiet periods.
   */
  quietMs: number;
}

interface ClaimRow extends Pick<
  Claim,
  'objectType' | 'objectId' | 'urgency' | 'attempts' | 'isNew'
> {
  wanted: string;
  wantedAt: Date;
  projectId: string;
}

/** Maximum number of candidates for a claim, per project and in total. */
const maxCandidates = 128;

/**
 * Claims due objects without a lease: the most urgent first, then those of the project with the fewest leased
 * objects, then those due longest. Objects with an unknown project count as one project.
 *
 * The query skips along the index from project to project, so that one project's backlog does not hide the
 * objects of another.
 */
export async function claimQueued(
  database: Database,
  now: number,
  { limit, of, quietMs }: ClaimRequest,
): Promise<Claim[]> {
  const leaseUntil = now + leaseMs;
  const { rows } = await database.pool.query<ClaimRow>({
    // Prepared, because planning the query costs several times as much as executing it.
    name: 'claim-wanted-objects',
    text: `with recursive projects as (
       (select urgency, project_id from followed_objects
        where wanted > fetched and urgency between $4 and $5
        order by urgency, project_id limit 1)
       union all
       select further.urgency, further.project_id from projects t cross join lateral (
         select urgency, project_id from followed_objects
         where wanted > fetched and urgency between $4 and $5
           and (urgency, project_id) > (t.urgency, t.project_id)
         order by urgency, project_id limit 1
       ) further
     ), ranked as (
       select due.*,
         row_number() over (
           partition by due.urgency, due.project_id order by is_leased desc, due_at) as position
       from projects cross join lateral (
         select object_type, object_id, urgency, project_id,
           coalesce(next_attempt_at, wanted_at) as due_at,
           coalesce(lease_until > $1, false) as is_leased
         from followed_objects f
         where wanted > fetched and f.urgency = projects.urgency and f.project_id = projects.project_id
           and (lease_until > $1 or (
             coalesce(next_attempt_at, wanted_at) <= $1
             and (f.urgency = 0 or told_at is null or told_at <= $6 or wanted_at <= $7)))
         order by coalesce(next_attempt_at, wanted_at) limit ${maxCandidates}
       ) due
     ), next as materialized (
       select * from ranked where not is_leased order by urgency, position, due_at limit ${maxCandidates}
     )
     update followed_objects f set lease_until = $2, attempts = f.attempts + 1
     from (
       select object_type, object_id
       from followed_objects o join next using (object_type, object_id)
       where o.wanted > o.fetched and (o.lease_until is null or o.lease_until <= $1)
       order by next.urgency, next.position, next.due_at limit $3 for update of o skip locked
     ) free
     where f.object_type = free.object_type and f.object_id = free.object_id
     returning f.object_type as "objectType", f.object_id as "objectId", f.urgency, f.attempts, f.wanted,
       f.wanted_at as "wantedAt", f.fetched = 0 as "isNew", f.project_id as "projectId"`,
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
  return rows.map(({ wanted, wantedAt, projectId, ...row }) => ({
    ...row,
    wanted: BigInt(wanted),
    wantedAt: wantedAt.getTime(),
    leaseUntil,
    projectId: projectId === '' ? null : projectId,
  }));
}

/**
 * Renews the leases of claims whose syncs are running, except leases that another worker has taken over.
 * Skips locked rows: no worker can claim them, and waiting for them would violate the lock order.
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
       join unnest($1::text[], $2::text[], $3::timestamptz[]) as leases (type, id, until)
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
  /**
   * Whether the attempt counts towards `failed`. False for failures unrelated to the object, such as outages.
   */
  counts: boolean;
  /** Back-off before the next attempt, milliseconds. */
  retryMs: number;
  error: string;
}

/**
 * Releases a claimed object after a failed attempt. After its last attempt, the object is `failed`. An event
 * that arrived during the attempt resets the attempts. Writes nothing if another worker now holds the lease,
 * or if the object has been fetched in the meantime.
 *
 * @returns whether the object is `failed`.
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
