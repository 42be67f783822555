import type { Queries } from './load-usage.ts';
import type { Booking } from './core/facts.ts';
import { entryInstant } from './entry-id.ts';

/** A user's row, for a user who has facts. */
interface KnownUser {
  projectId: string;
  userId: string;
  uid: bigint;
}

/** An entry that a request names. */
export interface StoredEntry {
  id: string;
  projectId: string;
  uid: bigint;
  userId: string;
  featureCode: string;
  kind: 'consume' | 'hold' | 'settle' | 'reverse';
  bookings: Booking[];
  /** The response to the request that reversed the entry; null if none did. */
  answer: string | null;
  /** The billing meter to which the whole amount was reported; null if none was, or only what was overage. */
  meterEvent: string | null;
}

/** A hold that a request names. */
export interface StoredHold {
  id: string;
  projectId: string;
  uid: bigint;
  featureCode: string;
  bookings: Booking[];
  expiresAt: number;
  /** The response to the request that ended the hold; null while it is open. */
  answer: string | null;
}

/** An answer that is kept under an idempotency key, and the hash of its deed. */
interface KeptAnswer {
  projectId: string;
  key: string;
  hash: Buffer;
  answer: string;
}

/**
 * Loads the rows of users and the answers that are kept under idempotency keys, with one statement. Creates the
 * row that is locked while the usage of a user changes.
 */
export async function loadUsersAndKept(
  queries: Queries,
  names: readonly { projectId: string; userId: string }[],
  keys: readonly { projectId: string; key: string }[],
): Promise<{ users: KnownUser[]; kept: KeptAnswer[] }> {
  const { rows } = await queries.query<
    { project_id: string; name: string } & (
      | { uid: string; request_hash: null; answer: null }
      | { uid: null; request_hash: Buffer; answer: string }
    )
  >({
    name: 'users-and-kept-answers',
    text: `
      with known as (
        select u.project_id, u.user_id, u.uid
        from unnest($1::text[], $2::text[]) as n (project_id, user_id)
        join users u using (project_id, user_id)
      ), added as (
        insert into usage_users (uid)
        select distinct uid from known
        where not exists (select from usage_users l where l.uid = known.uid)
        order by uid
        on conflict do nothing
      )
      select project_id, user_id as name, uid, null as request_hash, null as answer from known
      union all
      select project_id, key, null, request_hash, answer
      from unnest($3::text[], $4::text[]) as k (project_id, key)
      join usage_keys using (project_id, key)`,
    values: [
      names.map(({ projectId }) => projectId),
      names.map(({ userId }) => userId),
      keys.map(({ projectId }) => projectId),
      keys.map(({ key }) => key),
    ],
  });
  const users: KnownUser[] = [];
  const kept: KeptAnswer[] = [];
  for (const { project_id: projectId, name, uid, request_hash: hash, answer } of rows) {
    if (uid === null) kept.push({ projectId, key: name, hash, answer });
    else users.push({ projectId, userId: name, uid: BigInt(uid) });
  }
  return { users, kept };
}

/** What to do about a user whom another transaction has locked. */
export type OnLocked = 'wait' | 'skip';

/** Locks the rows of users, in order, until the end of the transaction. Returns those that it locked. */
export async function lockUsage(
  queries: Queries,
  uids: readonly bigint[],
  onLocked: OnLocked,
): Promise<Set<bigint>> {
  if (uids.length === 0) return new Set();
  const { rows } = await queries.query<{ uid: string }>({
    name: `lock-usage-${onLocked}`,
    text: `select uid from usage_users where uid = any($1) order by uid
      for update ${onLocked === 'skip' ? 'skip locked' : ''}`,
    values: [uids],
  });
  return new Set(rows.map(({ uid }) => BigInt(uid)));
}

/** Loads holds by id. */
export async function loadHolds(queries: Queries, ids: readonly string[]): Promise<StoredHold[]> {
  if (ids.length === 0) return [];
  const { rows } = await queries.query<{
    id: string;
    project_id: string;
    uid: string;
    feature_code: string;
    bookings: Booking[];
    expires_at: Date;
    answer: string | null;
  }>({
    name: 'load-holds',
    text: 'select * from usage_holds where id = any($1)',
    values: [ids],
  });
  return rows.map((row) => ({
    id: row.id,
    projectId: row.project_id,
    uid: BigInt(row.uid),
    featureCode: row.feature_code,
    bookings: row.bookings,
    expiresAt: row.expires_at.getTime(),
    answer: row.answer,
  }));
}

/** Loads entries by id. An id without an instant names no entry. */
export async function loadEntries(
  queries: Queries,
  ids: readonly string[],
): Promise<StoredEntry[]> {
  const named = ids.flatMap((id) => {
    const at = entryInstant(id);
    return at === null ? [] : [{ id, at: new Date(at) }];
  });
  if (named.length === 0) return [];
  const { rows } = await queries.query<{
    id: string;
    project_id: string;
    uid: string;
    feature_code: string;
    user_id: string;
    kind: StoredEntry['kind'];
    bookings: Booking[];
    reversal: string | null;
    meter_event: string | null;
  }>({
    name: 'load-entries',
    text: `
      select e.*, u.user_id from unnest($1::timestamptz[], $2::text[]) as n (at, id)
      join usage_entries e using (at, id) join users u on u.uid = e.uid`,
    values: [named.map(({ at }) => at), named.map(({ id }) => id)],
  });
  return rows.map((row) => ({
    id: row.id,
    projectId: row.project_id,
    uid: BigInt(row.uid),
    userId: row.user_id,
    featureCode: row.feature_code,
    kind: row.kind,
    bookings: row.bookings,
    answer: row.reversal,
    meterEvent: row.meter_event,
  }));
}
