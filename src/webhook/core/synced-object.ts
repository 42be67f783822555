import type { SyncedType } from './events.ts';

/** The type and id of an object that we sync. */
export interface SyncedRef {
  objectType: SyncedType;
  objectId: string;
}

/** A fetched object. `outcome` is `missing` if Stripe does not know the object. */
export interface Fetched extends SyncedRef {
  outcome: 'applied' | 'missing';
}

/** Returns an object's key for maps and sets. */
export function objectKey({ objectType, objectId }: SyncedRef): string {
  return `${objectType} ${objectId}`;
}

/** Returns references to rows of one type. */
export function refsTo(objectType: SyncedType, rows: readonly { id: string }[]): SyncedRef[] {
  return rows.map(({ id }) => ({ objectType, objectId: id }));
}
