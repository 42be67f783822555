import type { PriceRow, ProductRow, DeletedRow } from '../catalog/from-stripe.ts';
import type { SyncedType } from '../webhook/events.ts';
import { type Fetched, type SyncedRef, objectKey } from '../webhook/sync-queue.ts';
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
 * What was fetched from Stripe together, under one number: an object and those of its relatives that
 * are needed to know what it gives. Each is written only where no later fetch was written before.
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
   * Subscriptions that we hold as ended, and that Stripe, asked again long after, shows alive: ours is
   * wrong. Anywhere else an end stays, since what denies it is older.
   */
  revived: string[];
  /** Ids of customers and subscriptions on a test clock, which Stripe's lists leave out by default. */
  onTestClock: string[];
  /** Customers whose link an operator takes away: they and what they have go to whom else it is told of. */
  unlinked: string[];
  /**
   * The object that was asked for, where Stripe does not know it. Not "deleted": a wrong key or mode
   * looks the same. Nothing is taken away for it.
   */
  missing: SyncedRef[];
  /**
   * What Stripe does not know and may know in a moment, such as a relative that the object names. It does
   * not count as fetched: earlier news of it stays wanted, and its own tries decide.
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

/** Every object that the snapshot shows, and the one that it was to show. */
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

/** How many subscriptions are written in one transaction, so that it ends well within its time. */
const subscriptionsAtOnce = 100;

/**
 * The snapshot in parts that can be written one after the other under its number: what a big customer has
 * is too much for one transaction. All but subscriptions is in the last part, so that what was fetched for
 * the whole counts as fetched only when everything was written.
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

/** The snapshot without what a later fetch wrote before. */
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
