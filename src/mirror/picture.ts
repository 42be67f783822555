import type { PriceRow, ProductRow, DeletedRow } from '../catalog/from-stripe.ts';
import type { FollowedType } from '../webhook/events.ts';
import { type Fetched, type FollowedRef, objectKey } from '../webhook/followed.ts';
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
export interface Picture {
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
  missing: FollowedRef[];
  /**
   * What Stripe does not know and may know in a moment, such as a relative that the object names. It does
   * not count as fetched: earlier news of it stays wanted, and its own tries decide.
   */
  doubted: FollowedRef[];
}

export function emptyPicture(): Picture {
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
    doubted: [],
  };
}

/** Every object that the picture shows, and the one that it was to show. */
export function objectsIn(picture: Picture): Fetched[] {
  const named = (objectType: FollowedType, rows: { id: string }[]): Fetched[] =>
    rows.map(({ id }) => ({ objectType, objectId: id, outcome: 'applied' }));
  return [
    ...named('customer', picture.customers),
    ...named('subscription', picture.subscriptions),
    ...named('checkout.session', picture.sessions),
    ...named('invoice', picture.invoices),
    ...named('charge', picture.charges),
    ...named('dispute', picture.disputes),
    ...named('entitlement_summary', picture.summaries),
    ...named('product', picture.products),
    ...named('price', picture.prices),
    ...picture.missing.map((object) => ({ ...object, outcome: 'missing' as const })),
  ];
}

/** How many subscriptions are written in one transaction, so that it ends well within its time. */
const subscriptionsAtOnce = 100;

/**
 * The picture in parts that can be written one after the other under its number: what a big customer has
 * is too much for one transaction. All but subscriptions is in the last part, so that what was fetched for
 * the whole counts as fetched only when everything was written.
 */
export function partsOf(picture: Picture): Picture[] {
  const { subscriptions } = picture;
  const parts: Picture[] = [];
  let from = 0;
  for (; subscriptions.length - from > subscriptionsAtOnce; from += subscriptionsAtOnce) {
    const some = subscriptions.slice(from, from + subscriptionsAtOnce);
    parts.push({ ...emptyPicture(), subscriptions: some, revived: picture.revived });
  }
  return [...parts, { ...picture, subscriptions: subscriptions.slice(from) }];
}

/** The picture without what a later fetch wrote before. */
export function onlyNewest(picture: Picture, newest: ReadonlySet<string>): Picture {
  const kept = <T extends { id: string }>(objectType: FollowedType, rows: T[]): T[] =>
    rows.filter(({ id }) => newest.has(objectKey({ objectType, objectId: id })));
  return {
    customers: kept('customer', picture.customers),
    subscriptions: kept('subscription', picture.subscriptions),
    sessions: kept('checkout.session', picture.sessions),
    invoices: kept('invoice', picture.invoices),
    charges: kept('charge', picture.charges),
    disputes: kept('dispute', picture.disputes),
    summaries: kept('entitlement_summary', picture.summaries),
    products: kept('product', picture.products),
    prices: kept('price', picture.prices),
    revived: picture.revived,
    onTestClock: picture.onTestClock,
    unlinked: picture.unlinked,
    missing: picture.missing.filter((object) => newest.has(objectKey(object))),
    doubted: picture.doubted,
  };
}
