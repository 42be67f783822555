import type { PriceRow, ProductRow, DeletedRow } from '../../catalog/core/from-stripe.ts';
import type { SyncedType } from '../../webhook/core/events.ts';
import { type Fetched, type SyncedRef, objectKey } from '../../webhook/core/synced-object.ts';
import type {
  ChargeRow,
  CustomerRow,
  DisputeRow,
  InvoiceRow,
  RefundRow,
  SessionRow,
  SubscriptionRow,
  SummaryRow,
} from './rows.ts';

/**
 * What was fetched from Stripe together, under one number: an object, and the related objects that its
 * access depends on. Each is written only if no later fetch was written before.
 */
export interface StripeSnapshot {
  customers: CustomerRow[];
  subscriptions: SubscriptionRow[];
  sessions: SessionRow[];
  invoices: InvoiceRow[];
  charges: (ChargeRow & { refunds: RefundRow[] })[];
  disputes: DisputeRow[];
  summaries: SummaryRow[];
  products: (ProductRow | DeletedRow)[];
  prices: (PriceRow | DeletedRow)[];
  /**
   * Subscriptions that the mirror holds as ended and Stripe, asked again long after, shows alive: the
   * mirror is wrong. Anywhere else an end stays, since a snapshot that contradicts it is older.
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

export function emptySnapshot(): StripeSnapshot {
  return {
    customers: [],
    subscriptions: [],
    sessions: [],
    invoices: [],
    charges: [],
    disputes: [],
    summaries: [],
    products: [],
    prices: [],
    revived: [],
    onTestClock: [],
    unlinked: [],
    missing: [],
    unconfirmed: [],
  };
}

/** Returns every object that the snapshot shows, and the requested one. */
export function objectsIn(snapshot: StripeSnapshot): Fetched[] {
  const named = (objectType: SyncedType, rows: { id: string }[]): Fetched[] =>
    rows.map(({ id }) => ({ objectType, objectId: id, outcome: 'applied' }));
  return [
    ...named('customer', snapshot.customers),
    ...named('subscription', snapshot.subscriptions),
    ...named('checkout.session', snapshot.sessions),
    ...named('invoice', snapshot.invoices),
    ...named('charge', snapshot.charges),
    ...named('dispute', snapshot.disputes),
    ...named('entitlement_summary', snapshot.summaries),
    ...named('product', snapshot.products),
    ...named('price', snapshot.prices),
    ...snapshot.missing.map((object) => ({ ...object, outcome: 'missing' as const })),
  ];
}

/** Number of subscriptions written in one transaction, so that it ends well within its time limit. */
const subscriptionsAtOnce = 100;

/**
 * Splits a snapshot into parts that are written one after the other under its number: the objects of a big
 * customer are too many for one transaction. All but subscriptions is in the last part, so the requested
 * object counts as fetched only when everything was written.
 */
export function splitSnapshot(snapshot: StripeSnapshot): StripeSnapshot[] {
  const { subscriptions } = snapshot;
  const parts: StripeSnapshot[] = [];
  let from = 0;
  for (; subscriptions.length - from > subscriptionsAtOnce; from += subscriptionsAtOnce) {
    const some = subscriptions.slice(from, from + subscriptionsAtOnce);
    parts.push({ ...emptySnapshot(), subscriptions: some, revived: snapshot.revived });
  }
  return [...parts, { ...snapshot, subscriptions: subscriptions.slice(from) }];
}

/** Returns the snapshot without the objects that a later fetch wrote. */
export function onlyNewest(snapshot: StripeSnapshot, newest: ReadonlySet<string>): StripeSnapshot {
  const kept = <T extends { id: string }>(objectType: SyncedType, rows: T[]): T[] =>
    rows.filter(({ id }) => newest.has(objectKey({ objectType, objectId: id })));
  return {
    customers: kept('customer', snapshot.customers),
    subscriptions: kept('subscription', snapshot.subscriptions),
    sessions: kept('checkout.session', snapshot.sessions),
    invoices: kept('invoice', snapshot.invoices),
    charges: kept('charge', snapshot.charges),
    disputes: kept('dispute', snapshot.disputes),
    summaries: kept('entitlement_summary', snapshot.summaries),
    products: kept('product', snapshot.products),
    prices: kept('price', snapshot.prices),
    revived: snapshot.revived,
    onTestClock: snapshot.onTestClock,
    unlinked: snapshot.unlinked,
    missing: snapshot.missing.filter((object) => newest.has(objectKey(object))),
    unconfirmed: snapshot.unconfirmed,
  };
}
