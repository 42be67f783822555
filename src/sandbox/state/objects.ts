import type { Entity, RowOf, Tables } from './tables.ts';

/** The sandbox's internal tables, which Stripe would not show as objects. */
type Inner =
  | 'deleted'
  | 'deliveries'
  | 'entitlementSummaries'
  | 'pendingUpdates'
  | 'scheduleNotices'
  | 'sessionPlans'
  | 'settlements'
  | 'testMethods'
  | 'trialNotices'
  | 'wallets';

export type ObjectKind = Exclude<keyof Tables, Inner>;

/** A deeply read-only value. */
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** All objects of some kinds, oldest first. References are ids, and lists are complete. */
export type Objects<K extends ObjectKind = ObjectKind> = {
  readonly [Kind in K]: readonly Frozen<RowOf<Tables[Kind]>>[];
};

/** Returns a frozen copy of the current objects. */
export function copyObjects<K extends ObjectKind>(tables: Tables, kinds: readonly K[]): Objects<K> {
  const copies = kinds.map((kind) => [kind, [...tables[kind].walk({ newer: true })].map(copied)]);
  // Each kind's rows come from its own table, but `fromEntries` loses that relation between the types.
  return Object.freeze(Object.fromEntries(copies)) as Objects<K>;
}

function copied(row: Entity): object {
  return frozen(structuredClone(row));
}

function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) {
      frozen(inner);
    }
  }
  return Object.freeze(value);
}
