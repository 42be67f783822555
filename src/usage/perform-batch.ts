import type { Deps } from '../deps.ts';
import { ProblemError } from '../http/problem.ts';
import { poolTransaction } from '../platform/pool-transaction.ts';
import type { Booking } from './core/facts.ts';
import { hashDeed, type UsageRequest } from './deed.ts';
import { entryInstant } from './entry-id.ts';
import { type LoadedUsage, loadUsage, type Queries, type UsageName } from './load-usage.ts';
import { type Found, perform } from './perform.ts';
import { type Performed, storeUsage } from './store-usage.ts';
import {
  loadEntries,
  loadHolds,
  loadUsers,
  lockUsage,
  type StoredEntry,
  type StoredHold,
} from './targets.ts';

/** The answer to a deed, as serialized JSON. */
export interface UsageAnswer {
  text: string;
  /** Whether the answer was stored by an earlier request with the same idempotency key. */
  isReplay: boolean;
}

/** Maximum wait for the lock of a user, milliseconds. */
const lockTimeoutMs = 2_000;

/** Maximum number of attempts after a conflict with another transaction, in which nothing was stored. */
const maxAttempts = 5;

/** A repeated key, a deadlock, or a serialization failure. */
const conflicts: ReadonlySet<unknown> = new Set(['23505', '40P01', '40001']);

/**
 * Performs deeds, in order, in one transaction that also stores their answers. Returns for each its answer, or
 * the problem with it. The number of statements does not depend on the number of deeds.
 */
export async function performBatch(
  deps: Pick<Deps, 'database' | 'clock'>,
  requests: readonly UsageRequest[],
): Promise<(UsageAnswer | ProblemError)[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await performOnce(deps, requests);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (attempt === maxAttempts || !conflicts.has(code)) throw error;
    }
  }
}

async function performOnce(
  { clock, database }: Pick<Deps, 'database' | 'clock'>,
  requests: readonly UsageRequest[],
): Promise<(UsageAnswer | ProblemError)[]> {
  const { pool } = database;
  const targets = await loadTargets(pool, requests);
  const deeds = requests.map((request) => ({ ...request, place: placeOf(request, targets) }));
  return poolTransaction(pool, lockTimeoutMs, async (client) => {
    const uids = new Set(deeds.flatMap(({ place }) => place?.uid ?? []));
    if (uids.size > 0) await lockUsage(client, [...uids]);
    const now = Math.trunc(clock());
    const [locked, kept] = [await loadLocked(client, requests), await loadKept(client, deeds)];
    const places = new Map(
      deeds.flatMap(({ place }) => (place === null ? [] : [[keyOf(place), place]])),
    );
    const bookings = [...locked.holds.values(), ...locked.entries.values()].flatMap(
      (target): Booking[] => target.bookings,
    );
    const loaded = await loadUsage(client, [...places.values()], bookings, { now });
    const usages = new Map([...places.keys()].map((key, at) => [key, loaded[at]]));
    const done: Performed[] = [];
    const answers = deeds.map(({ deed, key, place }): UsageAnswer | ProblemError => {
      try {
        const hash = hashDeed(deed);
        const keptKey = key === null || place === null ? null : `${place.projectId} ${key}`;
        const first = keptKey === null ? undefined : kept.get(keptKey);
        if (first !== undefined) {
          if (!first.hash.equals(hash)) throw keyReused();
          return { text: first.answer, isReplay: true };
        }
        const usage = place === null ? null : (usages.get(keyOf(place)) ?? null);
        const found = foundOf(deed, place, usage, locked);
        const result = perform(deed, key, found);
        const text = JSON.stringify(result.answer);
        if (place !== null && result.outcome !== undefined && usage !== null) {
          usages.set(keyOf(place), { ...usage, facts: result.outcome.facts });
        }
        if (result.ended !== undefined) end(locked, result.ended.id, text);
        const keep =
          key === null || place === null ? null : { projectId: place.projectId, key, hash };
        if (keptKey !== null) kept.set(keptKey, { hash, answer: text });
        done.push({ ...result, text, keep });
        return { text, isReplay: false };
      } catch (error) {
        if (error instanceof ProblemError) return error;
        throw error;
      }
    });
    await storeUsage(client, done, now, (id) => entryInstant(id) ?? 0);
    return answers;
  });
}

/** What deeds name, before the users are locked. What never changes is read from it. */
interface Targets {
  uids: Map<string, bigint>;
  holds: Map<string, StoredHold>;
  entries: Map<string, StoredEntry>;
}

async function loadTargets(queries: Queries, requests: readonly UsageRequest[]): Promise<Targets> {
  const names = requests.flatMap(({ deed }) => ('user' in deed ? deed.user : []));
  const users = await loadUsers(queries, names);
  const uids = new Map(users.map((user) => [`${user.projectId} ${user.userId}`, user.uid]));
  return { uids, ...(await loadLocked(queries, requests)) };
}

async function loadLocked(
  queries: Queries,
  requests: readonly UsageRequest[],
): Promise<Omit<Targets, 'uids'>> {
  const holdIds = requests.flatMap(({ deed }) => (deed.kind === 'settle' ? deed.holdId : []));
  const entryIds = requests.flatMap(({ deed }) => (deed.kind === 'reverse' ? deed.entryId : []));
  const holds = await loadHolds(queries, holdIds);
  const entries = await loadEntries(queries, entryIds);
  return {
    holds: new Map(holds.map((hold) => [hold.id, hold])),
    entries: new Map(entries.map((entry) => [entry.id, entry])),
  };
}

/** Returns where a deed counts; null if it names a hold or entry that the caller may not see. */
function placeOf({ deed, projectId }: UsageRequest, targets: Targets): UsageName | null {
  if ('user' in deed) {
    const { user, featureCode } = deed;
    const uid = targets.uids.get(`${user.projectId} ${user.userId}`) ?? null;
    return { projectId: user.projectId, uid, featureCode };
  }
  const target =
    deed.kind === 'settle' ? targets.holds.get(deed.holdId) : targets.entries.get(deed.entryId);
  if (target === undefined || (projectId !== null && target.projectId !== projectId)) return null;
  const { uid, featureCode } = target;
  return { projectId: target.projectId, uid, featureCode };
}

function keyOf({ projectId, uid, featureCode }: UsageName): string {
  return `${projectId} ${uid ?? ''} ${featureCode}`;
}

function foundOf(
  deed: UsageRequest['deed'],
  place: UsageName | null,
  usage: LoadedUsage | null,
  { entries, holds }: Omit<Targets, 'uids'>,
): Found {
  const uid = place?.uid ?? null;
  return {
    place: place === null || uid === null ? null : { ...place, uid },
    usage,
    entry: place !== null && deed.kind === 'reverse' ? (entries.get(deed.entryId) ?? null) : null,
    hold: place !== null && deed.kind === 'settle' ? (holds.get(deed.holdId) ?? null) : null,
  };
}

/** Notes the answer that ended a hold or reversed an entry, for later deeds of the same transaction. */
function end({ entries, holds }: Omit<Targets, 'uids'>, id: string, answer: string): void {
  const [entry, hold] = [entries.get(id), holds.get(id)];
  if (entry !== undefined) entries.set(id, { ...entry, answer });
  if (hold !== undefined) holds.set(id, { ...hold, answer });
}

/** Loads the answers that are kept under the idempotency keys of deeds. */
async function loadKept(
  queries: Queries,
  deeds: readonly { key: string | null; place: UsageName | null }[],
): Promise<Map<string, { hash: Buffer; answer: string }>> {
  const names = deeds.flatMap(({ key, place }) =>
    key === null || place === null ? [] : { projectId: place.projectId, key },
  );
  const { rows } = await queries.query<{
    project_id: string;
    key: string;
    request_hash: Buffer;
    answer: string;
  }>({
    name: 'load-usage-keys',
    text: `
      select project_id, key, request_hash, answer from usage_keys
      join unnest($1::text[], $2::text[]) as n (project_id, key) using (project_id, key)`,
    values: [names.map(({ projectId }) => projectId), names.map(({ key }) => key)],
  });
  return new Map(
    rows.map((row) => [
      `${row.project_id} ${row.key}`,
      { hash: row.request_hash, answer: row.answer },
    ]),
  );
}

function keyReused(): ProblemError {
  return new ProblemError('idempotency_key_reused', undefined, [
    {
      path: 'Idempotency-Key',
      message: 'was used for another request: send a new key',
    },
  ]);
}
