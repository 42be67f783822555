import type { Deps } from '../deps.ts';
import { ProblemError } from '../http/problem.ts';
import {
  type BatchState,
  type KeptAnswer,
  type PlacedDeed,
  performNext,
  placeKey,
  type Targets,
  type UsageAnswer,
} from './batch-state.ts';
import type { Booking } from './core/facts.ts';
import type { UsageRequest } from './deed.ts';
import { loadUsage, type Queries } from './load-usage.ts';
import { type Performed, storeUsage } from './store-usage.ts';
import { loadEntries, loadHolds, loadUsers, lockUsage, type OnLocked } from './targets.ts';

/** Maximum wait for the lock of a user, milliseconds. */
const lockTimeoutMs = 2_000;

/** Maximum number of attempts after a conflict with another transaction, in which nothing was stored. */
const maxAttempts = 5;

/** A repeated key, a deadlock, or a serialization failure. */
const conflicts: ReadonlySet<unknown> = new Set(['23505', '40P01', '40001']);

type BatchDeps = Pick<Deps, 'database' | 'clock'>;

/** The result of a deed; `locked` if it was not performed because another transaction has locked its user. */
export type BatchResult = UsageAnswer | ProblemError | 'locked';

/**
 * Performs deeds, in order, in one transaction that also stores their answers. Returns for each its answer, or
 * the problem with it. The number of statements does not depend on the number of deeds.
 */
export async function performBatch(
  deps: BatchDeps,
  requests: readonly UsageRequest[],
  onLocked: OnLocked,
): Promise<BatchResult[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await performOnce(deps, requests, onLocked);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (attempt === maxAttempts || !conflicts.has(code)) throw error;
    }
  }
}

async function performOnce(
  { clock, database }: BatchDeps,
  requests: readonly UsageRequest[],
  onLocked: OnLocked,
): Promise<BatchResult[]> {
  const deeds = await loadPlaces(database.pool, requests);
  return database.poolTransaction(lockTimeoutMs, async (client) => {
    const uids = deeds.flatMap(({ place }) => place?.uid ?? []);
    const locked = await lockUsage(client, uids, onLocked);
    const mayPerform = ({ place }: PlacedDeed): boolean => {
      const uid = place?.uid ?? null;
      return onLocked === 'wait' || uid === null || locked.has(uid);
    };
    const now = Math.trunc(clock());
    const state = await loadState(client, deeds.filter(mayPerform), now);
    const performed: Performed[] = [];
    const answers = deeds.map((deed): BatchResult => {
      if (!mayPerform(deed)) return 'locked';
      try {
        const next = performNext(state, deed);
        if (next.performed !== null) performed.push(next.performed);
        return next.answer;
      } catch (error) {
        if (error instanceof ProblemError) return error;
        throw error;
      }
    });
    await storeUsage(client, performed, now);
    return answers;
  });
}

/** Loads what each deed changes. A hold or entry never moves to another user, so no lock is needed. */
async function loadPlaces(
  queries: Queries,
  requests: readonly UsageRequest[],
): Promise<PlacedDeed[]> {
  const names = requests.flatMap(({ deed }) => ('user' in deed ? deed.user : []));
  const users = await loadUsers(queries, names);
  const uids = new Map(users.map((user) => [`${user.projectId} ${user.userId}`, user.uid]));
  const targets = await loadTargets(queries, requests);
  return requests.map((request) => {
    const { deed, projectId } = request;
    if ('user' in deed) {
      const { featureCode, user } = deed;
      const uid = uids.get(`${user.projectId} ${user.userId}`) ?? null;
      return { ...request, place: { projectId: user.projectId, uid, featureCode } };
    }
    const target =
      deed.kind === 'settle' ? targets.holds.get(deed.holdId) : targets.entries.get(deed.entryId);
    const isVisible = projectId === null || target?.projectId === projectId;
    if (target === undefined || !isVisible) return { ...request, place: null };
    const { featureCode, uid } = target;
    return { ...request, place: { projectId: target.projectId, uid, featureCode } };
  });
}

/** Loads everything that deeds find. Their users must be locked. */
async function loadState(
  queries: Queries,
  deeds: readonly PlacedDeed[],
  now: number,
): Promise<BatchState> {
  const targets = await loadTargets(queries, deeds);
  const kept = await loadKept(queries, deeds);
  const places = new Map(
    deeds.flatMap(({ place }) => (place === null ? [] : [[placeKey(place), place] as const])),
  );
  const bookings = [...targets.holds.values(), ...targets.entries.values()].flatMap(
    (target): Booking[] => target.bookings,
  );
  const loaded = await loadUsage(queries, [...places.values()], bookings, { now });
  const usages = new Map(
    [...places.keys()].flatMap((key, at) => {
      const usage = loaded[at];
      return usage === undefined ? [] : [[key, usage] as const];
    }),
  );
  return { ...targets, kept, usages };
}

async function loadTargets(
  queries: Queries,
  requests: readonly Pick<UsageRequest, 'deed'>[],
): Promise<Targets> {
  const holdIds = requests.flatMap(({ deed }) => (deed.kind === 'settle' ? deed.holdId : []));
  const entryIds = requests.flatMap(({ deed }) => (deed.kind === 'reverse' ? deed.entryId : []));
  const holds = await loadHolds(queries, holdIds);
  const entries = await loadEntries(queries, entryIds);
  return {
    holds: new Map(holds.map((hold) => [hold.id, hold])),
    entries: new Map(entries.map((entry) => [entry.id, entry])),
  };
}

/** Loads the answers that are kept under the idempotency keys of deeds. */
async function loadKept(
  queries: Queries,
  deeds: readonly PlacedDeed[],
): Promise<Map<string, KeptAnswer>> {
  const names = deeds.flatMap(({ key, place, projectId }) => {
    const keeper = place?.projectId ?? projectId;
    return key === null || keeper === null ? [] : { projectId: keeper, key };
  });
  if (names.length === 0) return new Map();
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
