import type { Tx } from '../platform/database.ts';
import type { Named } from './core/claims.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';

/** An object whose owner is to be decided, with the evidence. */
export interface Subject {
  table: 'customers' | 'subscriptions' | 'checkout_sessions';
  id: string;
  /** The session itself, or the sessions that created the subscription. */
  sessionIds: string[];
  customerId: string | null;
  /** The named owner, whether or not the project exists. */
  metadata: Named | null;
  /** For a stored object that the snapshot does not show: its current user, and its payments. */
  formerUid: bigint | null;
  payments: string[];
}

interface StoredRow {
  table: Subject['table'];
  id: string;
  session_ids: string[];
  customer_id: string;
  metadata_project_id: string | null;
  metadata_user_id: string | null;
  uid: bigint | null;
  payments: string[];
}

/**
 * Loads the objects whose owner the snapshot may change: its customers, subscriptions and sessions, and
 * stored objects of its customers that have no owner, belong to another project than the customer's
 * metadata name, or follow an unlinked customer.
 */
export async function loadSubjects(tx: Tx, snapshot: StripeSnapshot): Promise<Subject[]> {
  const subscriptionIds = snapshot.subscriptions.map(({ id }) => id);
  const sessions = await tx.$queryRaw<{ id: string; subscription_id: string }[]>`
    select id, subscription_id from checkout_sessions
    where subscription_id = any(${subscriptionIds})`;
  const madeBy = (subscription: string): string[] => [
    ...sessions.filter((row) => row.subscription_id === subscription).map(({ id }) => id),
    ...snapshot.sessions.filter((row) => row.subscriptionId === subscription).map(({ id }) => id),
  ];
  const shown = { formerUid: null, payments: [] };
  const customers = snapshot.customers.map((row): Subject => ({
    table: 'customers',
    id: row.id,
    sessionIds: [],
    customerId: row.id,
    metadata: named(row.metadataProjectId, row.metadataUserId),
    ...shown,
  }));
  const unseen = snapshot.unlinked.filter((id) => !customers.some((subject) => subject.id === id));
  return [
    ...customers,
    ...unseen.map((id): Subject => ({
      table: 'customers',
      id,
      sessionIds: [],
      customerId: id,
      metadata: null,
      ...shown,
    })),
    ...snapshot.subscriptions.map((row): Subject => ({
      table: 'subscriptions',
      id: row.id,
      sessionIds: madeBy(row.id),
      customerId: row.customerId,
      metadata: named(row.metadataProjectId, row.metadataUserId),
      ...shown,
    })),
    ...snapshot.sessions.map((row): Subject => ({
      table: 'checkout_sessions',
      id: row.id,
      sessionIds: [row.id],
      customerId: row.customerId,
      metadata: named(row.metadataProjectId, row.metadataUserId),
      ...shown,
    })),
    ...(await loadFollowing(tx, snapshot)),
  ];
}

/** Loads the stored objects that follow the snapshot's customers. */
async function loadFollowing(tx: Tx, snapshot: StripeSnapshot): Promise<Subject[]> {
  const { customers, unlinked } = snapshot;
  if (customers.length === 0 && unlinked.length === 0) return [];
  const rows = await tx.$queryRaw<StoredRow[]>`
    with moving as (
      select * from unnest(
        ${customers.map(({ id }) => id)}::text[],
        ${customers.map(({ metadataProjectId }) => metadataProjectId)}::text[]
      ) as shown (customer_id, project_id)
    ), following as (
      select 'subscriptions' as table, s.id, s.customer_id, s.uid, s.metadata_project_id,
        s.metadata_user_id, '{}'::text[] as payments,
        array(select c.id from checkout_sessions c where c.subscription_id = s.id) as session_ids
      from subscriptions s
      where s.customer_id in (select customer_id from moving union select unnest(${unlinked}::text[]))
      union all
      select 'checkout_sessions', s.id, s.customer_id, s.uid, s.metadata_project_id,
        s.metadata_user_id, array_remove(array[s.payment_intent_id, s.invoice_id], null),
        array[s.id]
      from checkout_sessions s
      where s.customer_id in (select customer_id from moving union select unnest(${unlinked}::text[]))
    )
    select f.* from following f
    left join moving m using (customer_id) left join users u on u.uid = f.uid
    where f.uid is null or f.customer_id = any(${unlinked}) or u.project_id <> m.project_id`;
  return rows.map((row) => ({
    table: row.table,
    id: row.id,
    sessionIds: row.session_ids,
    customerId: row.customer_id,
    metadata: named(row.metadata_project_id, row.metadata_user_id),
    formerUid: row.uid,
    payments: row.payments,
  }));
}

function named(projectId: string | null, userId: string | null): Named | null {
  return projectId === null ? null : { projectId, userId };
}
