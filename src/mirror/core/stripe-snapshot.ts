import { type SyncedType, syncedTypes } from '../../webhook/core/events.ts';
import {
  type Fetched,
  objectKey,
  refsTo,
  type SyncedRef,
} from '../../webhook/core/synced-object.ts';
import type { RowOf } from './rows.ts';

/** Rows of followed objects, by type. */
export type RowsByType = { [T in SyncedType]: RowOf[T][] };

/**
 * Objects that were fetched from Stripe together, under one number: a requested object, and the related
 * objects that determine its access. Each is written unless a later fetch has already been written.
 */
export interface StripeSnapshot extends RowsByType {
  /**
   * Subscriptions that have ended in the mirror but not in Stripe, as confirmed by a second fetch long after
   * the end: the mirror is wrong. Without this confirmation a stored end stays, because a contradicting
   * snapshot is older.
   */
  revived: string[];
  /** Ids of customers and subscriptions on a test clock, which Stripe's lists leave out by default. */
  onTestClock: string[];
  /** Customers that an operator is unlinking. Other evidence then decides who owns them and their objects. */
  unlinked: string[];
  /**
   * The requested object, if Stripe does not know it. That does not prove a deletion, because a wrong key or
   * mode has the same effect. Access does not change.
   */
  missing: SyncedRef[];
  /**
   * Objects that Stripe does not know yet, such as a related object. They do not count as fetched, so their
   * earlier events stay in the queue and are retried.
   */
  unconfirmed: SyncedRef[];
}

/** Builds a table of rows by calling `of` for each type. */
export function rowsByType(of: <T extends SyncedType>(type: T) => RowOf[T][]): RowsByType {
  return Object.fromEntries(syncedTypes.map((type) => [type, of(type)])) as RowsByType; // has an entry for every type
}

/** Returns the results of `of` for the rows of each type, in the order of `syncedTypes`. */
export function mapTypes<R>(
  shown: RowsByType,
  of: <T extends SyncedType>(type: T, rows: RowOf[T][]) => R,
): R[] {
  return syncedTypes.map((type) => of(type, shown[type]));
}

/** Returns a snapshot that contains only these rows. */
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

/** Returns every object in the snapshot, including the requested one if Stripe does not know it. */
export function objectsIn(snapshot: StripeSnapshot): Fetched[] {
  return [
    ...mapTypes(snapshot, (type, rows) => refsTo(type, rows))
      .flat()
      .map((object) => ({ ...object, outcome: 'applied' as const })),
    ...snapshot.missing.map((object) => ({ ...object, outcome: 'missing' as const })),
  ];
}

/**
 * Maximum number of subscriptions per transaction, chosen to stay well within the transaction's time limit.
 */
const maxSubscriptions = 100;

/**
 * Splits a snapshot that is too big for one transaction into parts. The parts are written sequentially under
 * the snapshot's number. All parts but the last contain only subscriptions, so the requested object counts as
 * fetched once all parts are written.
 */
export function splitSnapshot(snapshot: StripeSnapshot): StripeSnapshot[] {
  const { subscription: all } = snapshot;
  const parts: StripeSnapshot[] = [];
  let from = 0;
  for (; all.length - from > maxSubscriptions; from += maxSubscriptions) {
    const some = all.slice(from, from + maxSubscriptions);
    parts.push({ ...snapshotOf({ subscription: some }), revived: snapshot.revived });
  }
  return [...parts, { ...snapshot, subscription: all.slice(from) }];
}

/** Adjusts the start of purchases with money that arrived later. `arrivals` is keyed by session id. */
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

/** Returns the snapshot reduced to the objects with keys in `newest`. */
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
