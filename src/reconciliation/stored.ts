import { loadArrivals } from '../mirror/load-arrivals.ts';
import { mapTypes, objectsIn, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import type { StoredRow } from '../mirror/objects/followed-object.ts';
import { followedObjects } from '../mirror/objects/registry.ts';
import { loadOwnership } from '../mirror/owner.ts';
import type { Tx } from '../platform/database.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import type { StoredObjects } from './core/diff.ts';

/**
 * Loads the mirror's rows for a snapshot's objects, with a fixed number of queries.
 *
 * @param number the number under which the snapshot was fetched.
 */
export async function loadStored(
  tx: Tx,
  snapshot: StripeSnapshot,
  number: bigint,
): Promise<StoredObjects> {
  const loads = mapTypes(snapshot, (objectType, shown) => async () => {
    const found = shown.length === 0 ? [] : await followedObjects[objectType].load(tx, shown);
    return found.map((row) => [objectKey({ objectType, objectId: row.id }), row] as const);
  });
  const rows = new Map<string, StoredRow>();
  for (const load of loads) for (const [key, row] of await load()) rows.set(key, row);
  return {
    rows,
    misowned: await loadMisowned(tx, snapshot, rows),
    newer: await loadNewer(tx, objectsIn(snapshot), number),
    arrivals: await loadArrivals(tx, snapshot),
  };
}

/** Loads the keys of the objects whose stored user differs from their owner. */
async function loadMisowned(
  tx: Tx,
  snapshot: StripeSnapshot,
  rows: ReadonlyMap<string, StoredRow>,
): Promise<Set<string>> {
  const { owned } = await loadOwnership(tx, snapshot);
  const compared = owned.flatMap(({ subject, owner }) => {
    const key = objectKey({ objectType: subject.objectType, objectId: subject.id });
    const row = rows.get(key);
    if (row === undefined || !('uid' in row)) return [];
    return [{ key, owner, uid: typeof row.uid === 'bigint' ? row.uid : null }];
  });
  const users = await tx.user.findMany({
    where: { uid: { in: compared.flatMap(({ uid }) => uid ?? []) } },
    select: { uid: true, projectId: true, userId: true },
  });
  const byUid = new Map(users.map((user) => [user.uid, user]));
  return new Set(
    compared.flatMap(({ key, owner, uid }) => {
      const user = uid === null ? undefined : byUid.get(uid);
      const right = user?.projectId === owner?.projectId && user?.userId === owner?.userId;
      return right ? [] : [key];
    }),
  );
}

/** Loads the keys of the objects that were fetched under a higher number. */
export async function loadNewer(
  tx: Tx,
  objects: readonly SyncedRef[],
  number: bigint,
): Promise<Set<string>> {
  const rows = await tx.$queryRaw<SyncedRef[]>`
    select object_type as "objectType", object_id as "objectId" from followed_objects f
    join unnest(
      ${objects.map(({ objectType }) => objectType)}::text[],
      ${objects.map(({ objectId }) => objectId)}::text[]) as asked (object_type, object_id)
      using (object_type, object_id)
    where f.fetched > ${number}`;
  return new Set(rows.map(objectKey));
}
