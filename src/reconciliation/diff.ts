import { isKnownStatus, withArrival } from '../mirror/from-stripe.ts';
import type { StripeSnapshot } from '../mirror/stripe-snapshot.ts';
import type { SubscriptionRow } from '../mirror/rows.ts';
import type { SyncedType } from '../webhook/events.ts';
import type { SyncedRef } from '../webhook/sync-queue.ts';

/*
 * What Stripe shows against what the mirror holds, field by field. Pure.
 */

type Scalar = string | number | boolean | null;

/** Fields that differ, by name; those of what an object holds by a path such as `items.si_1.quantity`. */
export type Fields = Record<string, Scalar>;

/** An object that is not the same on both sides. */
export interface Difference extends SyncedRef {
  /** What the mirror holds; null: it has no such object. */
  local: Fields | null;
  stripe: Fields;
}

/** What the mirror holds of the objects of a snapshot, by `objectKey`. */
export interface Stored {
  rows: ReadonlyMap<string, object>;
  /** Objects that are not the user's whose they should be. */
  misowned: ReadonlySet<string>;
  /** Objects that were fetched after the snapshot: they cannot be told from it. */
  newer: ReadonlySet<string>;
  /** When the money of slow checkouts arrived, by session, as far as events told. */
  arrivals: ReadonlyMap<string, Date>;
}

/** Personal data: that they differ is told, not what they are. */
const withheld = new Set(['email', 'metadataProjectId', 'metadataUserId']);

/** Lists that the mirror only adds to: what Stripe no longer shows in them is no difference. */
const addedTo = new Set(['refunds', 'payments']);

/** JSON that is compared as a whole, and not row by row. */
const wholes = new Set(['tiers', 'currencyOptions']);

/** Every object of the snapshot that differs from what is stored, in the order of the snapshot. */
export function differences(snapshot: StripeSnapshot, stored: Stored): Difference[] {
  const found: Difference[] = [];
  const compare = (objectType: SyncedType, rows: readonly { id: string }[]): void => {
    for (const row of rows) {
      const key = `${objectType} ${row.id}`;
      if (stored.newer.has(key)) continue;
      const local = stored.rows.get(key);
      const difference = compareRow(comparable(objectType, row, local), local);
      if (stored.misowned.has(key)) {
        difference.local ??= {};
        difference.local['owner'] = 'withheld';
        difference.stripe['owner'] = 'withheld';
      }
      if (Object.keys(difference.stripe).length === 0) continue;
      found.push({ objectType, objectId: row.id, ...difference });
    }
  };
  compare('product', snapshot.products);
  compare('price', snapshot.prices);
  compare('customer', snapshot.customers);
  compare('subscription', snapshot.subscriptions);
  compare(
    'checkout.session',
    snapshot.sessions.map((row) => withArrival(row, stored.arrivals.get(row.id))),
  );
  compare('charge', snapshot.charges);
  compare('dispute', snapshot.disputes);
  compare('invoice', snapshot.invoices);
  return found;
}

/** Whether a row alone differs from what is stored of it. */
export function differsFromStored(row: object, local: object | undefined): boolean {
  return Object.keys(compareRow(row, local).stripe).length > 0;
}

/** What of a row can be compared; nothing where there is nothing to keep of the object. */
function comparable(objectType: SyncedType, row: object, local: object | undefined): object {
  if ('deleted' in row && row.deleted === true) {
    return local === undefined ? {} : { deleted: true };
  }
  if (objectType === 'customer') {
    return without(row, ['metadataProjectId', 'metadataUserId']);
  }
  return objectType === 'subscription' ? comparableSubscription(row as SubscriptionRow) : row;
}

/** A status that we do not know keeps the last known effect, and what belongs to it. */
function comparableSubscription(row: SubscriptionRow): object {
  return isKnownStatus(row.status)
    ? { ...row, effectiveStatus: row.status }
    : without(row, ['dunningAnchorAt', 'pausedAt']);
}

function without(row: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

function compareRow(
  row: object,
  local: object | undefined,
): { local: Fields | null; stripe: Fields } {
  if (local === undefined) return { local: null, stripe: fieldsOf(row, '') };
  const both = { local: {}, stripe: {} };
  compareFields(row, local, '', both);
  return both;
}

function compareFields(
  row: object,
  local: object,
  path: string,
  into: { local: Fields; stripe: Fields },
): void {
  const held = new Map<string, unknown>(Object.entries(local));
  for (const [name, value] of Object.entries(row)) {
    const other = held.get(name);
    if (Array.isArray(value) && !wholes.has(name)) {
      compareLists(value, Array.isArray(other) ? other : [], name, path + name, into);
      continue;
    }
    const stripe = scalar(value);
    const ours = scalar(other);
    if (stripe === ours) continue;
    into.stripe[path + name] = withheld.has(name) ? 'withheld' : stripe;
    into.local[path + name] = withheld.has(name) ? 'withheld' : ours;
  }
}

function compareLists(
  rows: readonly unknown[],
  locals: readonly unknown[],
  name: string,
  path: string,
  into: { local: Fields; stripe: Fields },
): void {
  const left = new Map(locals.filter(hasId).map((local) => [local.id, local]));
  for (const row of rows.filter(hasId)) {
    const local = left.get(row.id);
    left.delete(row.id);
    if (local !== undefined) {
      compareFields(row, local, `${path}.${row.id}.`, into);
      continue;
    }
    for (const [field, value] of Object.entries(fieldsOf(row, `${path}.${row.id}.`))) {
      into.stripe[field] = value;
      into.local[field] = null;
    }
  }
  if (addedTo.has(name)) return;
  for (const local of left.values()) {
    into.stripe[`${path}.${local.id}.id`] = null;
    into.local[`${path}.${local.id}.id`] = local.id;
  }
}

function hasId(value: unknown): value is { id: string } {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
  );
}

/** All that a row says, but for personal data. */
function fieldsOf(row: object, path: string): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(row)) {
    if (Array.isArray(value) && !wholes.has(name)) {
      for (const child of value.filter(hasId)) {
        Object.assign(fields, fieldsOf(child, `${path}${name}.${child.id}.`));
      }
    } else if (!withheld.has(name)) {
      fields[path + name] = scalar(value);
    }
  }
  return fields;
}

/** Instants as ISO 8601, JSON as its text; amounts fit into a number. */
function scalar(value: unknown): Scalar {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return typeof value === 'object' && value !== null ? jsonText(value) : null;
}

/** The same text for the same JSON: Postgres keeps keys in an order of its own. */
function jsonText(value: object): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
