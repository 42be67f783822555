import type { Database, Tx } from '../platform/database.ts';
import type { FollowedType } from './events.ts';

/*
 * The followed object's row is the queue. One sequence numbers events and fetches: an object is wanted
 * while `wanted > fetched`, and a fetch whose number was drawn after an event's covers the event. A
 * killed worker's lease runs out; nothing else has to be undone.
 */

export interface FollowedRef {
  objectType: FollowedType;
  objectId: string;
}

/** How long a worker may take before another one fetches the object too, milliseconds. */
const leaseMs = 30_000;

/** After so many failed tries the object is `failed`, visible, and waits for news or a replay. */
export const maxAttempts = 12;

/** Draws the number of a fetch. To be called before the fetch: what Stripe told earlier is covered by it. */
export async function drawNumber(database: Database): Promise<bigint> {
  const { rows } = await database.pool.query<{ number: string }>('select next_number() as number');
  const [row] = rows;
  if (row === undefined) throw new Error('no number was drawn');
  return BigInt(row.number);
}

export interface Claim extends FollowedRef {
  /** This one included. */
  attempts: number;
}

/** Takes up to `limit` wanted objects that nobody holds, the most urgent first, then the oldest. */
export async function claimWanted(
  database: Database,
  now: number,
  limit: number,
): Promise<Claim[]> {
  const { rows } = await database.pool.query<{
    object_type: FollowedType;
    object_id: string;
    attempts: number;
  }>(
    `update followed_objects f set lease_until = $2, attempts = f.attempts + 1
     from (
       select object_type, object_id from followed_objects
       where wanted > fetched and failed_at is null
         and (lease_until is null or lease_until <= $1)
         and (next_attempt_at is null or next_attempt_at <= $1)
       order by urgency, wanted_at limit $3 for update skip locked
     ) free
     where f.object_type = free.object_type and f.object_id = free.object_id
     returning f.object_type, f.object_id, f.attempts`,
    [new Date(now), new Date(now + leaseMs), limit],
  );
  return rows.map((row) => ({
    objectType: row.object_type,
    objectId: row.object_id,
    attempts: row.attempts,
  }));
}

/** One text per object, for maps and sets. */
export function objectKey({ objectType, objectId }: FollowedRef): string {
  return `${objectType} ${objectId}`;
}

/**
 * Locks the rows of objects, sorted (the lock order's second place), makes those that are new, and
 * notes that they were fetched under `number` wherever no later fetch was noted before.
 *
 * @returns the keys of those that this fetch is the newest of: only they may be written.
 */
export async function markFetched(
  tx: Tx,
  objects: readonly FollowedRef[],
  number: bigint,
  outcome: 'applied' | 'missing',
  now: number,
): Promise<Set<string>> {
  if (objects.length === 0) return new Set();
  const rows = await tx.$queryRaw<{ object_type: FollowedType; object_id: string }[]>`
    insert into followed_objects as f (object_type, object_id, wanted, fetched, urgency, wanted_at, outcome)
    select distinct type, id, 0, ${number}::bigint, 2, ${new Date(now)}::timestamptz, ${outcome}::text
    from unnest(
      ${objects.map(({ objectType }) => objectType)}::text[],
      ${objects.map(({ objectId }) => objectId)}::text[]) as given (type, id)
    order by 1, 2
    on conflict (object_type, object_id) do update set
      fetched = excluded.fetched, outcome = excluded.outcome, attempts = 0,
      lease_until = null, next_attempt_at = null, failed_at = null, last_error = null
    where f.fetched < excluded.fetched
    returning object_type, object_id`;
  return new Set(
    rows.map((row) => objectKey({ objectType: row.object_type, objectId: row.object_id })),
  );
}

/** What a failed try leaves behind. */
export interface Failure {
  /** Epoch milliseconds; null = no more tries: the object is failed. */
  nextAttemptAt: number | null;
  /** False where the try says nothing about the object, such as a rate limit: it does not count. */
  counts: boolean;
  error: string;
}

/** Gives a claimed object back after a failed try. News that came meanwhile keeps it wanted. */
export async function recordFailure(
  database: Database,
  { objectType, objectId }: FollowedRef,
  failure: Failure,
  now: number,
): Promise<void> {
  await database.pool.query(
    `update followed_objects set
       lease_until = null, last_error = $3, next_attempt_at = $4,
       attempts = greatest(0, attempts - case when $5 then 0 else 1 end),
       failed_at = case when $4::timestamptz is null then $6::timestamptz end
     where object_type = $1 and object_id = $2`,
    [
      objectType,
      objectId,
      failure.error.slice(0, 1_000),
      failure.nextAttemptAt === null ? null : new Date(failure.nextAttemptAt),
      failure.counts,
      new Date(now),
    ],
  );
}

/** Since when the oldest wanted object has been waiting, epoch milliseconds; null: nothing waits. */
export async function loadOldestWantedAt(database: Database): Promise<number | null> {
  const { rows } = await database.pool.query<{ oldest: Date | null }>(
    'select min(wanted_at) as oldest from followed_objects where wanted > fetched and failed_at is null',
  );
  return rows[0]?.oldest?.getTime() ?? null;
}
