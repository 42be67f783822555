import { sqlText, type Tx } from '../platform/database.ts';
import type { Named } from './core/claims.ts';
import type { OwnedType } from './core/rows.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';

/** The tables of the objects that have an owner. */
export const ownedTables = {
  customer: 'customers',
  subscription: 'subscriptions',
  'checkout.session': 'checkout_sessions',
} as const satisfies Record<OwnedType, string>;

const ownedTypes = Object.keys(ownedTables) as OwnedType[]; // exactly the keys of the record

/** An object that needs an ownership decision, with the evidence for it. */
export interface Subject {
  objectType: OwnedType;
  id: string;
  /** The session itself or, for a subscription, the sessions that created it. */
  sessionIds: string[];
  customerId: string | null;
  /** The owner that the object's metadata names. The project may not exist. */
  metadata: Named | null;
  /** The current user of an object outside the snapshot; null for objects in the snapshot. */
  formerUid: bigint | null;
  /** The payments of an object outside the snapshot; empty for objects in the snapshot. */
  payments: string[];
}

/**
 * Loads the objects that may get another owner through the snapshot: its customers, subscriptions and
 * sessions, and stored objects of its customers that have no owner, have an owner outside the project in the
 * customer's metadata, or belong to a customer that is being unlinked.
 */
export async function loadSubjects(tx: Tx, snapshot: StripeSnapshot): Promise<Subject[]> {
  const { subscription: subscriptions, 'checkout.session': sessions } = snapshot;
  const subscriptionIds = subscriptions.map(({ id }) => id);
  const stored = await tx.$queryRaw<{ id: string; subscriptionId: string }[]>`
    select id, subscription_id as "subscriptionId" from checkout_sessions
    where subscription_id = any(${subscriptionIds})`;
  const sessionsOf: Record<OwnedType, (id: string) => string[]> = {
    customer: () => [],
    subscription: (id) =>
      [...stored, ...sessions]
        .filter(({ subscriptionId }) => subscriptionId === id)
        .map((session) => session.id),
    'checkout.session': (id) => [id],
  };
  const unseen = snapshot.unlinked
    .filter((id) => !snapshot.customer.some((row) => row.id === id))
    .map((id) => ({ id, metadataProjectId: null, metadataUserId: null }));
  const shown = { ...snapshot, customer: [...snapshot.customer, ...unseen] };
  const subjects = ownedTypes.flatMap((objectType) =>
    shown[objectType].map((row): Subject => ({
      objectType,
      id: row.id,
      sessionIds: sessionsOf[objectType](row.id),
      customerId: customerOf(row),
      metadata: named(row.metadataProjectId, row.metadataUserId),
      formerUid: null,
      payments: [],
    })),
  );
  return [...subjects, ...(await loadFollowing(tx, snapshot))];
}

/** Returns the snapshot's customers, which lead to the users of their objects. */
export function customersOf(snapshot: StripeSnapshot): string[] {
  const shown = ownedTypes.flatMap((type) => snapshot[type].map((row) => customerOf(row)));
  return [...shown.filter((id) => id !== null), ...snapshot.unlinked];
}

function customerOf(row: { id: string; customerId?: string | null }): string | null {
  return row.customerId === undefined ? row.id : row.customerId;
}

/** SQL for the sessions and the payments of a stored object `s`. */
const storedLinks: Record<Exclude<OwnedType, 'customer'>, string> = {
  subscription: `'{}'::text[] as payments,
    array(select c.id from checkout_sessions c where c.subscription_id = s.id) as session_ids`,
  'checkout.session': `array_remove(array[s.payment_intent_id, s.invoice_id], null) as payments,
    array[s.id] as session_ids`,
};

const following = ownedTypes
  .filter((type) => type !== 'customer')
  .map(
    (type) => `
      select '${type}' as object_type, s.id, s.customer_id, s.uid, s.metadata_project_id,
        s.metadata_user_id, ${storedLinks[type]}
      from ${ownedTables[type]} s where s.customer_id in (select customer_id from touched)`,
  )
  .join(' union all ');

/** Loads the stored objects that change owners with the snapshot's customers. */
async function loadFollowing(tx: Tx, snapshot: StripeSnapshot): Promise<Subject[]> {
  const { customer: customers, unlinked } = snapshot;
  if (customers.length === 0 && unlinked.length === 0) return [];
  const rows = await tx.$queryRaw<
    (Omit<Subject, 'metadata'> & { projectId: string | null; userId: string | null })[]
  >`
    with moving as (
      select * from unnest(
        ${customers.map(({ id }) => id)}::text[],
        ${customers.map(({ metadataProjectId }) => metadataProjectId)}::text[]
      ) as shown (customer_id, project_id)
    ), touched as (
      select customer_id from moving union select unnest(${unlinked}::text[])
    ), following as (${sqlText(following)})
    select f.object_type as "objectType", f.id, f.session_ids as "sessionIds",
      f.customer_id as "customerId", f.uid as "formerUid", f.payments,
      f.metadata_project_id as "projectId", f.metadata_user_id as "userId"
    from following f
    left join moving m using (customer_id) left join users u on u.uid = f.uid
    where f.uid is null or f.customer_id = any(${unlinked}) or u.project_id <> m.project_id`;
  return rows.map(({ projectId, userId, ...row }) => ({
    ...row,
    metadata: named(projectId, userId),
  }));
}

function named(projectId: string | null, userId: string | null): Named | null {
  return projectId === null ? null : { projectId, userId };
}
