import type { SyncedType } from './events.ts';

/** The type and id of a followed object. */
export interface SyncedRef {
  objectType: SyncedType;
  objectId: string;
}

/** The outcome of a fetch; `missing` if Stripe does not know the object. */
export interface Fetched extends SyncedRef {
  outcome: 'applied' | 'missing';
}

/** Returns a key of the object, for maps and sets. */
export function objectKey({ objectType, objectId }: SyncedRef): string {
  return `${objectType} ${objectId}`;
}

export function refsTo(objectType: SyncedType, rows: readonly { id: string }[]): SyncedRef[] {
  return rows.map(({ id }) => ({ objectType, objectId: id }));
}
