import { isKnownStatus } from '../../entitlements/core/stripe-statuses.ts';
import type { RowOf } from '../../mirror/core/rows.ts';
import { mapTypes, type StripeSnapshot, withArrivals } from '../../mirror/core/stripe-snapshot.ts';
import type { SyncedType } from '../../webhook/core/events.ts';
import { objectKey, type SyncedRef } from '../../webhook/core/synced-object.ts';

/* Compares Stripe snapshots with the mirror's rows, field by field. Pure. */

type Scalar = string | number | boolean | null;

/** The fields that differ, by name. A nested field has a path such as `items.si_1.quantity`. */
export type Fields = Record<string, Scalar>;

/** An object that differs between Stripe and the mirror. */
export interface Difference extends SyncedRef {
  /** The mirror's fields; null if the object is not in the mirror. */
  local: Fields | null;
  stripe: Fields;
}

/** The mirror's rows for a snapshot's objects, by `objectKey`. */
export interface StoredObjects {
  rows: ReadonlyMap<string, object>;
  /** Objects whose stored user differs from their owner. */
  misowned: ReadonlySet<string>;
  /** Objects that were fetched after the snapshot. They are not compared. */
  newer: ReadonlySet<string>;
  /** When delayed payments arrived according to events, by session. */
  arrivals: ReadonlyMap<string, Date>;
}

/** Personal data. A finding says only that these fields differ. */
const withheld = new Set(['email', 'metadataProjectId', 'metadataUserId']);

/** Lists to which the mirror only appends. An entry that Stripe no longer lists is not a difference. */
const appendOnly = new Set(['refunds', 'payments']);

/** JSON fields that are compared as a whole. */
const jsonFields = new Set(['tiers', 'currencyOptions']);

/** Returns every object of the snapshot that differs from the stored one, in the order of `syncedTypes`. */
export function differences(snapshot: StripeSnapshot, stored: StoredObjects): Difference[] {
  return mapTypes(withArrivals(snapshot, stored.arrivals), (objectType, rows) =>
    rows.flatMap((row) => {
      const key = objectKey({ objectType, objectId: row.id });
      if (stored.newer.has(key)) return [];
      const local = stored.rows.get(key);
      const difference = compareRow(comparable(objectType, row, local), local);
      if (stored.misowned.has(key)) {
        difference.local ??= {};
        difference.local['owner'] = 'withheld';
        difference.stripe['owner'] = 'withheld';
      }
      if (Object.keys(difference.stripe).length === 0) return [];
      return [{ objectType, objectId: row.id, ...difference }];
    }),
  ).flat();
}

/** Returns whether a row differs from the stored one. */
export function differsFromStored(row: object, local: object | undefined): boolean {
  return Object.keys(compareRow(row, local).stripe).length > 0;
}

/** Returns the fields to compare, for types that also have fields that cannot be compared. */
const comparableFields: { [T in SyncedType]?: (row: RowOf[T]) => object } = {
  customer: (row) => without(row, ['metadataProjectId', 'metadataUserId']),
  // With an unknown status, the effect and the fields of the last known status stay stored.
  subscription: (row) =>
    isKnownStatus(row.status)
      ? { ...row, effectiveStatus: row.status }
      : without(row, ['dunningAnchorAt', 'pausedAt']),
  // The mirror does not store summaries.
  entitlement_summary: () => ({}),
};

/** Returns the fields of a row to compare; none for a deleted object that is not stored. */
function comparable<T extends SyncedType>(
  objectType: T,
  row: RowOf[T],
  local: object | undefined,
): object {
  if ('deleted' in row && row.deleted) {
    return local === undefined ? {} : { deleted: true };
  }
  return comparableFields[objectType]?.(row) ?? row;
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
  const fields = new Map<string, unknown>(Object.entries(local));
  for (const [name, value] of Object.entries(row)) {
    const other = fields.get(name);
    if (Array.isArray(value) && !jsonFields.has(name)) {
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
  if (appendOnly.has(name)) return;
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

/** Returns all fields of a row except personal data. */
function fieldsOf(row: object, path: string): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(row)) {
    if (Array.isArray(value) && !jsonFields.has(name)) {
      for (const child of value.filter(hasId)) {
        Object.assign(fields, fieldsOf(child, `${path}${name}.${child.id}.`));
      }
    } else if (!withheld.has(name)) {
      fields[path + name] = scalar(value);
    }
  }
  return fields;
}

/** Converts instants to ISO 8601, amounts to numbers, and JSON to a string. */
function scalar(value: unknown): Scalar {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return typeof value === 'object' && value !== null ? jsonText(value) : null;
}

/** Returns a JSON string with sorted keys, because `jsonb` does not preserve key order. */
function jsonText(value: object): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
