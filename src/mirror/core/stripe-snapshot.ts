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
 * What was fetched from Stripe together, under one number: an object, and the related objects that its
 * access depends on. Each is written only if no later fetch was written before.
 */
export interface StripeSnapshot extends RowsByType {
  /**
   * Subscriptions that the mirror stores as ended and that Stripe, queried again long after, shows as not
   * ended: the mirror is wrong. Otherwise a stored end stays, since a contradicting snapshot is older.
   */
  revived: string[];
  /** Ids of customers and subscriptions on a test clock, which Stripe's lists leave out by default. */
  onTestClock: string[];
  /**
   * Customers whose link an operator removes. Other evidence then decides who owns them and their objects.
   */
  unlinked: string[];
  /**
   * The requested object, if Stripe does not know it. This is no evidence of a deletion, since a wrong key or
   * mode has the same effect: access does not change.
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
  return Object.fromEntries(syncedTypes.map((type) => [type, of(type)])) as RowsByType; // has every type
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

/** Returns every object in the snapshot, and the requested one if it is missing. */
export function objectsIn(snapshot: StripeSnapshot): Fetched[] {
  return [
    ...mapTypes(snapshot, (type, rows) => refsTo(type, rows))
      .flat()
      .map((object) => ({ ...object, outcome: 'applied' as const })),
    ...snapshot.missing.map((object) => ({ ...object, outcome: 'missing' as const })),
  ];
}

/** Maximum number of subscriptions per transaction, so that it ends well within its time limit. */
const maxSubscriptions = 100;

/**
 * Splits a snapshot that is too big for one transaction into parts that are written sequentially under its
 * number. All parts but the last hold subscriptions only, so the requested object counts as fetched once all
 * parts are written.
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

/** Sets the start of purchases whose money arrived later; `arrivals` are by session. */
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

/** Returns the snapshot with only those objects whose keys are in `newest`. */
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
