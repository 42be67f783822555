import type Stripe from 'stripe';
import type { Tx } from '../../platform/database.ts';
import type { ListPage } from '../../platform/stripe-lists.ts';
import type { SyncedType } from '../../webhook/core/events.ts';
import type { SyncedRef } from '../../webhook/core/synced-object.ts';
import { optionalReference } from '../core/from-stripe.ts';
import type { RowOf } from '../core/rows.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';

/** The mirror's operations on one type of followed object. */
export interface FollowedObject<T extends SyncedType> {
  /**
   * Fetches the object into a snapshot, with the related objects that determine its access.
   *
   * @throws errors of the SDK; ImplausibleAnswer if Stripe's responses contradict each other.
   */
  fetch(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void>;
  links(row: RowOf[T]): Links;
  /**
   * Writes a row, unless a later fetch has written it. The caller holds the locks. owner.ts sets the owner
   * (`uid`).
   *
   * @returns the ids of the objects in the row that have an unknown status, which raise an alarm.
   */
  store(tx: Tx, row: RowOf[T], snapshot: StripeSnapshot): Promise<string[]>;
  /** Loads the stored rows of these objects, each with its child rows. */
  load(tx: Tx, rows: readonly RowOf[T][]): Promise<StoredRow[]>;
  /**
   * Lists those of a customer's objects that may affect access. Null for types that are fetched with other
   * objects or have no customer.
   */
  ofCustomer: ((stripe: Stripe, customer: string) => ListPage<CustomerObject>) | null;
  /**
   * Returns the row for an object that an event reported as deleted and that Stripe no longer returns. Absent
   * if Stripe still returns deleted objects of this type.
   */
  deletedRow?(id: string): RowOf[T];
}

/** The relevant fields of an object in a list of a customer's objects. */
export interface CustomerObject {
  id: string;
  customerId: string | null;
  metadata: Stripe.Metadata | null;
  prices: (Stripe.Price | null)[];
}

export type StoredRow = { id: string } & object;

/** The objects that a row refers to. */
export interface Links {
  /** The row's customer. Objects that are fetched together have the same one. */
  customer?: string | null;
  /** The row's payments, which lead to the purchases that they paid. The payments are locked. */
  intents?: readonly (string | null)[];
  invoices?: readonly (string | null)[];
  /** The objects that are fetched together with the row. */
  related?: readonly SyncedRef[];
}

/** Returns the reference to a related object, if the id is set. */
export function related(objectType: SyncedType, objectId: string | null): SyncedRef[] {
  return objectId === null ? [] : [{ objectType, objectId }];
}

/** Returns the query condition for the stored rows of these objects. */
export function whereIn(rows: readonly { id: string }[]): { where: { id: { in: string[] } } } {
  return { where: { id: { in: rows.map(({ id }) => id) } } };
}

/** Returns an upsert by id that writes the same columns whether or not the row exists. */
export function upsertOf<Row extends { id: string }>(
  row: Row,
): { where: { id: string }; create: Row; update: Row } {
  return { where: { id: row.id }, create: row, update: row };
}

/** Returns the status if it is known, otherwise the last known status; null if no status was ever known. */
export function lastKnown(
  { status, knownStatus }: { status: string; knownStatus: string | null },
  isKnown: (status: string) => boolean,
): string | null {
  return isKnown(status) ? status : knownStatus;
}

/** Returns the relevant fields of a subscription or session with these items or lines. */
export function customerObject(
  object: Pick<Stripe.Subscription | Stripe.Checkout.Session, 'id' | 'customer' | 'metadata'>,
  lines: readonly { price: Stripe.Price | null }[],
): CustomerObject {
  return {
    id: object.id,
    customerId: optionalReference(object.customer),
    metadata: object.metadata,
    prices: lines.map(({ price }) => price),
  };
}
