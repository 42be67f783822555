import { type SyncedType, syncedTypes } from '../../webhook/core/events.ts';
import { type Fetched, type SyncedRef, objectKey } from '../../webhook/core/synced-object.ts';
import type { RowOf } from './rows.ts';

/** Rows of followed objects, by type. */
export type RowsByType = { [T in SyncedType]: RowOf[T][] };

/**
 * What was fetched from Stripe together, under one number: an object, and the related objects that its
 * access depends on. Each is written only if no later fetch was written before.
 */
export interface StripeSnapshot extends RowsByType {
  /**
   * Subscriptions that the mirror stores as ended and that Stripe, asked again long after, shows alive: the
   * mirror is wrong. In any other case a stored end stays, since a contradicting snapshot is older.
   */
  revived: string[];
  /** Ids of customers and subscriptions on a test clock, which Stripe's lists leave out by default. */
  onTestClock: string[];
  /**
   * Customers whose link an operator removes: other evidence then decides the owner of each and of its
   * objects.
   */
  unlinked: string[];
  /**
   * The requested object, if Stripe does not know it. This is not a deletion: a wrong key or mode looks the
   * same, so access does not change.
   */
  missing: SyncedRef[];
  /**
   * Objects that Stripe does not know yet, such as a related object. They do not count as fetched: their
   * earlier events stay in the queue, and their own retries decide.
   */
  unconfirmed: SyncedRef[];
}

/** Returns the rows that `of` returns for each type. */
export function rowsByType(of: <T extends SyncedType>(type: T) => RowOf[T][]): RowsByType {
  return Object.fromEntries(syncedTypes.map((type) => [type, of(type)])) as RowsByType; // of every type
}

/** Returns the results of `of` for the rows of each type, in the order of `syncedTypes`. */
export function mapTypes<R>(
  shown: RowsByType,
  of: <T extends SyncedType>(type: T, rows: RowOf[T][]) => R,
): R[] {
  return syncedTypes.map((type) => of(type, shown[type]));
}

/** Returns a snapshot of these rows alone. */
export function snapshotOf(rows: Partial<RowsByType> = {}): StripeSnapshot {
  return {
    ...rowsByType(() => []),
    ...rows,
    revived: [],
    onTestClock: [],
    unlinked: [],
    missing: [],
    unconfirmed: [],
  };
}

/** Merges snapshots into one. */
export function mergeSnapshots(all: readonly StripeSnapshot[]): StripeSnapshot {
  return {
    ...rowsByType((type) => all.flatMap((each: RowsByType) => each[type])),
    revived: all.flatMap(({ revived }) => revived),
    onTestClock: all.flatMap(({ onTestClock }) => onTestClock),
    unlinked: all.flatMap(({ unlinked }) => unlinked),
    missing: all.flatMap(({ missing }) => missing),
    unconfirmed: all.flatMap(({ unconfirmed }) => unconfirmed),
  };
}

/** Returns every object that the snapshot shows, and the requested one. */
export function objectsIn(snapshot: StripeSnapshot): Fetched[] {
  const shown = mapTypes(snapshot, (objectType, rows) =>
    rows.map(({ id }): Fetched => ({ objectType, objectId: id, outcome: 'applied' })),
  ).flat();
  return [
    ...shown,
    ...snapshot.missing.map((object) => ({ ...object, outcome: 'missing' as const })),
  ];
}

/** Number of subscriptions written in one transaction, so that it ends well within its time limit. */
const subscriptionsAtOnce = 100;

/**
 * Splits a snapshot into parts that are written sequentially under its number: the objects of a big customer
 * are too many for one transaction. The last part has everything except subscriptions, so the requested
 * object counts as fetched only after all parts were written.
 */
export function splitSnapshot(snapshot: StripeSnapshot): StripeSnapshot[] {
  const { subscription: all } = snapshot;
  const parts: StripeSnapshot[] = [];
  let from = 0;
  for (; all.length - from > subscriptionsAtOnce; from += subscriptionsAtOnce) {
    const some = all.slice(from, from + subscriptionsAtOnce);
    parts.push({ ...snapshotOf({ subscription: some }), revived: snapshot.revived });
  }
  return [...parts, { ...snapshot, subscription: all.slice(from) }];
}

/** Returns the snapshot with purchases starting when their money arrived, by session, if that is given. */
export function withArrivals(
  snapshot: StripeSnapshot,
  arrivals: ReadonlyMap<string, Date>,
): StripeSnapshot {
  const sessions = snapshot['checkout.session'].map((row) => {
    const purchasedAt = arrivals.get(row.id);
    if (purchasedAt === undefined) return row;
    return { ...row, purchases: row.purchases.map((purchase) => ({ ...purchase, purchasedAt })) };
  });
  return { ...snapshot, 'checkout.session': sessions };
}

/** Returns the snapshot without the objects that a later fetch wrote. */
export function onlyNewest(snapshot: StripeSnapshot, newest: ReadonlySet<string>): StripeSnapshot {
  const rows: RowsByType = snapshot;
  return {
    ...snapshot,
    ...rowsByType((objectType) =>
      rows[objectType].filter(({ id }) => newest.has(objectKey({ objectType, objectId: id }))),
    ),
    missing: snapshot.missing.filter((object) => newest.has(objectKey(object))),
  };
}
