import type { UserName } from '../entitlements/users.ts';
import { userIdSchema } from '../http/schemas.ts';
import type { Tx } from '../platform/database.ts';
import type { Picture } from './picture.ts';

/** An object whose user is asked for, and what could tell. */
export interface Subject {
  table: 'customers' | 'subscriptions' | 'checkout_sessions';
  id: string;
  /** Of the sessions that made it: our intents' ids, where they are ours. */
  clientReferenceIds: string[];
  customerId: string | null;
  metadata: UserName | null;
}

interface StoredRow {
  table: Subject['table'];
  id: string;
  client_reference_id: string | null;
  customer_id: string;
  metadata_project_id: string | null;
  metadata_user_id: string | null;
}

/**
 * What the picture may give a user: its customers, subscriptions and sessions, and those stored
 * before without a user that belong to its customers.
 */
export async function loadSubjects(tx: Tx, picture: Picture): Promise<Subject[]> {
  const subscriptionIds = picture.subscriptions.map(({ id }) => id);
  const customerIds = picture.customers.map(({ id }) => id);
  const sessions = await tx.$queryRaw<{ subscription_id: string; client_reference_id: string }[]>`
    select subscription_id, client_reference_id from checkout_sessions
    where subscription_id = any(${subscriptionIds}) and client_reference_id is not null`;
  const waiting = await tx.$queryRaw<StoredRow[]>`
    select 'subscriptions' as table, s.id, c.client_reference_id, s.customer_id,
      s.metadata_project_id, s.metadata_user_id
    from subscriptions s left join checkout_sessions c on c.subscription_id = s.id
    where s.customer_id = any(${customerIds}) and s.uid is null
    union all
    select 'checkout_sessions', id, client_reference_id, customer_id,
      metadata_project_id, metadata_user_id
    from checkout_sessions where customer_id = any(${customerIds}) and uid is null`;
  return [
    ...picture.customers.map((row): Subject => ({
      table: 'customers',
      id: row.id,
      clientReferenceIds: [],
      customerId: row.id,
      metadata: named(row.metadataProjectId, row.metadataUserId),
    })),
    ...picture.subscriptions.map((row): Subject => ({
      table: 'subscriptions',
      id: row.id,
      clientReferenceIds: [
        ...sessions
          .filter(({ subscription_id: id }) => id === row.id)
          .map(({ client_reference_id: id }) => id),
        ...picture.sessions
          .filter(({ subscriptionId }) => subscriptionId === row.id)
          .flatMap(({ clientReferenceId }) => clientReferenceId ?? []),
      ],
      customerId: row.customerId,
      metadata: named(row.metadataProjectId, row.metadataUserId),
    })),
    ...picture.sessions.map((row): Subject => ({
      table: 'checkout_sessions',
      id: row.id,
      clientReferenceIds: row.clientReferenceId === null ? [] : [row.clientReferenceId],
      customerId: row.customerId,
      metadata: named(row.metadataProjectId, row.metadataUserId),
    })),
    ...waiting.map((row): Subject => ({
      table: row.table,
      id: row.id,
      clientReferenceIds: row.client_reference_id === null ? [] : [row.client_reference_id],
      customerId: row.customer_id,
      metadata: named(row.metadata_project_id, row.metadata_user_id),
    })),
  ];
}

export interface Owned {
  subject: Subject;
  owner: UserName;
}

interface LinkRow {
  id: string;
  project_id: string;
  user_id: string;
  linked_by: string | null;
}

/**
 * Whose each subject is, by the first of: the intent that we wrote before its checkout; the user whom an
 * operator linked its customer to; its own metadata, where that names an existing project and a user;
 * the user of its customer. None of these depends on what arrived first. E-mail addresses never tell.
 * Subjects that nothing tells of are left out.
 */
export async function resolveOwners(tx: Tx, subjects: Subject[]): Promise<Owned[]> {
  const intents = await tx.$queryRaw<{ id: string; project_id: string; user_id: string }[]>`
    select i.id, u.project_id, u.user_id from checkout_intents i join users u using (uid)
    where i.id = any(${subjects.flatMap(({ clientReferenceIds }) => clientReferenceIds)})`;
  const customers = await tx.$queryRaw<LinkRow[]>`
    select c.id, u.project_id, u.user_id, c.linked_by from customers c join users u using (uid)
    where c.id = any(${subjects.flatMap(({ customerId }) => customerId ?? [])})`;
  const projects = await tx.$queryRaw<{ id: string }[]>`
    select id from projects
    where id = any(${subjects.flatMap(({ metadata }) => metadata?.projectId ?? [])})`;
  const byIntent = new Map(intents.map((row) => [row.id, nameOf(row)]));
  const byCustomer = new Map(customers.map((row) => [row.id, nameOf(row)]));
  const byOperator = new Map(
    customers.flatMap((row) => (row.linked_by === 'operator' ? [[row.id, nameOf(row)]] : [])),
  );
  const existing = new Set(projects.map(({ id }) => id));
  // A customer whom this very picture links is as good as linked for those that wait for it.
  for (const { table, id, metadata } of subjects) {
    if (table === 'customers' && metadata !== null && existing.has(metadata.projectId)) {
      if (!byCustomer.has(id)) byCustomer.set(id, metadata);
    }
  }
  return subjects.flatMap((subject): Owned[] => {
    const intended = subject.clientReferenceIds
      .map((id) => byIntent.get(id))
      .find((name) => name !== undefined);
    const customerId = subject.customerId ?? '';
    const claimed =
      subject.metadata !== null && existing.has(subject.metadata.projectId)
        ? subject.metadata
        : undefined;
    const owner = intended ?? byOperator.get(customerId) ?? claimed ?? byCustomer.get(customerId);
    return owner === undefined ? [] : [{ subject, owner }];
  });
}

/** Sets the users of stored objects; a purchase follows its session, unless an operator attached it. */
export async function storeOwners(
  tx: Tx,
  owned: { subject: Subject; uid: bigint }[],
): Promise<void> {
  const of = (table: Subject['table']) => {
    const rows = owned.filter(({ subject }) => subject.table === table);
    return { ids: rows.map(({ subject }) => subject.id), uids: rows.map(({ uid }) => uid) };
  };
  const customers = of('customers');
  await tx.$executeRaw`
    update customers c set uid = o.uid, linked_by = 'metadata'
    from unnest(${customers.ids}::text[], ${customers.uids}::bigint[]) as o (id, uid)
    where c.id = o.id and c.uid is null`;
  const subscriptions = of('subscriptions');
  await tx.$executeRaw`
    update subscriptions s set uid = o.uid
    from unnest(${subscriptions.ids}::text[], ${subscriptions.uids}::bigint[]) as o (id, uid)
    where s.id = o.id`;
  const sessions = of('checkout_sessions');
  await tx.$executeRaw`
    update checkout_sessions s set uid = o.uid
    from unnest(${sessions.ids}::text[], ${sessions.uids}::bigint[]) as o (id, uid)
    where s.id = o.id`;
  await tx.$executeRaw`
    update purchases p set uid = coalesce(p.attached_uid, s.uid)
    from checkout_sessions s
    where p.session_id = s.id and s.id = any(${sessions.ids})
      and p.uid is distinct from coalesce(p.attached_uid, s.uid)`;
}

function named(projectId: string | null, userId: string | null): UserName | null {
  const isAddressable = userIdSchema.safeParse(userId).success;
  return projectId === null || userId === null || !isAddressable ? null : { projectId, userId };
}

function nameOf(row: { project_id: string; user_id: string }): UserName {
  return { projectId: row.project_id, userId: row.user_id };
}
