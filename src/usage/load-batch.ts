import type { Clock } from '../platform/clock.ts';
import {
  type BatchState,
  keptKey,
  type PlacedDeed,
  placeKey,
  type Targets,
} from './batch-state.ts';
import type { Booking } from './core/facts.ts';
import type { UsageRequest } from './deed.ts';
import { loadUsage, type Queries } from './load-usage.ts';
import {
  loadEntries,
  loadHolds,
  loadUsersAndKept,
  type StoredEntry,
  type StoredHold,
} from './targets.ts';

/**
 * Loads what each deed changes, and the answers that are kept under the keys. Neither needs a lock. A hold or
 * entry never moves to another user. If another transaction keeps an answer later, storing this one fails with a
 * repeated key, and the next attempt finds that answer.
 */
export async function loadPlaces(
  queries: Queries,
  requests: readonly UsageRequest[],
): Promise<{ deeds: PlacedDeed[]; kept: BatchState['kept'] }> {
  const targets = await loadTargets(queries, requests);
  const named = requests.map((request) => ({ request, target: visibleTarget(targets, request) }));
  const { kept, users } = await loadUsersAndKept(
    queries,
    requests.flatMap(({ deed }) => ('user' in deed ? deed.user : [])),
    named.flatMap(({ request: { deed, key, projectId: asked }, target }) => {
      const projectId = 'user' in deed ? deed.user.projectId : (target?.projectId ?? asked);
      return key === null || projectId === null ? [] : { projectId, key };
    }),
  );
  const uids = new Map(users.map((user) => [`${user.projectId} ${user.userId}`, user.uid]));
  const deeds = named.map(({ request, target }): PlacedDeed => {
    const { deed } = request;
    if ('user' in deed) {
      const { projectId, userId } = deed.user;
      const uid = uids.get(`${projectId} ${userId}`) ?? null;
      return { ...request, place: { projectId, uid, featureCode: deed.featureCode } };
    }
    if (target === null) return { ...request, place: null };
    const { featureCode, projectId, uid } = target;
    return { ...request, place: { projectId, uid, featureCode } };
  });
  return {
    deeds,
    kept: new Map(kept.map(({ answer, hash, ...name }) => [keptKey(name), { answer, hash }])),
  };
}

/** Returns the hold or entry that a deed names; null if it names none that the caller may see. */
function visibleTarget(
  { entries, holds }: Targets,
  { deed, projectId }: UsageRequest,
): StoredHold | StoredEntry | null {
  if ('user' in deed) return null;
  const target = deed.kind === 'settle' ? holds.get(deed.holdId) : entries.get(deed.entryId);
  const isVisible = projectId === null || target?.projectId === projectId;
  return isVisible ? (target ?? null) : null;
}

/** Loads everything else that deeds find. Their users must be locked. */
export async function loadState(
  queries: Queries,
  deeds: readonly PlacedDeed[],
  clock: Clock,
): Promise<Omit<BatchState, 'kept'>> {
  const targets = await loadTargets(queries, deeds);
  const places = new Map(
    deeds.flatMap(({ place }) => (place === null ? [] : [[placeKey(place), place] as const])),
  );
  const bookings = [...targets.holds.values(), ...targets.entries.values()].flatMap(
    (target): Booking[] => target.bookings,
  );
  const loaded = await loadUsage(queries, [...places.values()], bookings, { clock });
  const usages = new Map(
    [...places.keys()].flatMap((key, at) => {
      const usage = loaded[at];
      return usage === undefined ? [] : [[key, usage] as const];
    }),
  );
  return { ...targets, usages };
}

async function loadTargets(
  queries: Queries,
  requests: readonly Pick<UsageRequest, 'deed'>[],
): Promise<Targets> {
  const holdIds = requests.flatMap(({ deed }) => (deed.kind === 'settle' ? deed.holdId : []));
  const entryIds = requests.flatMap(({ deed }) => (deed.kind === 'reverse' ? deed.entryId : []));
  const [holds, entries] = await Promise.all([
    loadHolds(queries, holdIds),
    loadEntries(queries, entryIds),
  ]);
  return {
    holds: new Map(holds.map((hold) => [hold.id, hold])),
    entries: new Map(entries.map((entry) => [entry.id, entry])),
  };
}
