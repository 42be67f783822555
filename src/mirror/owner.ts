import type { UserName } from '../entitlements/users.ts';
import { userIdSchema } from '../http/schemas.ts';
import { sqlText, type Tx } from '../platform/database.ts';
import {
  claimsSession,
  type Intent,
  type Link,
  type Named,
  ownerOfCustomer,
  ownerOfObject,
  type Verdict,
} from './core/claims.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';
import { loadSubjects, ownedTables, type Subject } from './subjects.ts';

export interface Owned {
  subject: Subject;
  /** Null to remove the owner. */
  owner: UserName | null;
}

/** The ownership decisions for a snapshot. */
export interface Ownership {
  /** Objects with evidence about their owner. All other objects keep their owner. */
  owned: Owned[];
  /**
   * Sessions whose ids must still be stored on their intents, because the response that created them was
   * lost.
   */
  claimed: { intentId: string; sessionId: string; customerId: string | null }[];
  /** Sessions that name one of our intents, but that the intent does not claim. */
  foreign: string[];
  /** The current owners of objects outside the snapshot that get a new ownership decision. */
  formerUids: bigint[];
  /** The payments of sessions outside the snapshot that get a new ownership decision. */
  payments: string[];
}

/**
 * Decides the owners of the objects in the snapshot, and of stored objects of its customers that may get
 * another owner, by the rules of `claims.ts`. The order in which objects arrive never matters, and an e-mail
 * address is never evidence.
 */
export async function loadOwnership(tx: Tx, snapshot: StripeSnapshot): Promise<Ownership> {
  const subjects = await loadSubjects(tx, snapshot);
  const intents = await loadIntents(tx, snapshot, subjects);
  const existing = await loadProjects(tx, subjects);
  const named = ({ metadata }: Subject): Named | null =>
    metadata !== null && existing.has(metadata.projectId) ? addressable(metadata) : null;
  const customers = await decideCustomers(tx, snapshot, subjects, named);
  const owned = subjects.flatMap((subject): Owned[] => {
    const owner = decideOwner(subject, named(subject), intents.bySession, customers);
    return owner === undefined ? [] : [{ subject, owner }];
  });
  return {
    owned,
    claimed: intents.claimed,
    foreign: intents.foreign,
    formerUids: subjects.flatMap(({ formerUid }) => formerUid ?? []),
    payments: subjects.flatMap(({ payments }) => payments),
  };
}

interface CustomerVerdict {
  owner: Verdict;
  byOperator: boolean;
}

function decideOwner(
  { objectType, customerId, sessionIds }: Subject,
  named: Named | null,
  bySession: ReadonlyMap<string, Intent>,
  customers: ReadonlyMap<string, CustomerVerdict>,
): Verdict {
  const customer = customers.get(customerId ?? '') ?? { owner: undefined, byOperator: false };
  if (objectType === 'customer') return customer.owner;
  const intended = sessionIds.map((id) => bySession.get(id)).find((one) => one !== undefined);
  return ownerOfObject(intended, named, customer);
}

async function loadIntents(
  tx: Tx,
  { 'checkout.session': sessions }: StripeSnapshot,
  subjects: readonly Subject[],
): Promise<Pick<Ownership, 'claimed' | 'foreign'> & { bySession: Map<string, Intent> }> {
  const intents = await tx.$queryRaw<Intent[]>`
    select i.id, i.session_id as "sessionId", u.project_id as "projectId", u.user_id as "userId",
      array(select line ->> 'price_id' from jsonb_array_elements(i.line_items) line) as "priceIds"
    from checkout_intents i join users u using (uid)
    where i.session_id = any(${subjects.flatMap(({ sessionIds }) => sessionIds)})
      or i.id = any(${sessions.flatMap(({ clientReferenceId }) => clientReferenceId ?? [])})`;
  const bySession = new Map(
    intents.flatMap((intent) => (intent.sessionId === null ? [] : [[intent.sessionId, intent]])),
  );
  const named = sessions.flatMap((session) => {
    const intent = intents.find(({ id }) => id === session.clientReferenceId);
    return intent === undefined ? [] : [{ intent, session }];
  });
  const claimed = named.filter(({ intent, session }) => claimsSession(intent, session));
  for (const { intent, session } of claimed) bySession.set(session.id, intent);
  return {
    bySession,
    claimed: claimed
      .filter(({ intent }) => intent.sessionId === null)
      .map(({ intent, session }) => ({
        intentId: intent.id,
        sessionId: session.id,
        customerId: session.customerId,
      })),
    foreign: named
      .filter(({ session }) => !bySession.has(session.id))
      .map(({ session }) => session.id),
  };
}

async function loadProjects(tx: Tx, subjects: readonly Subject[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id from projects
    where id = any(${subjects.flatMap(({ metadata }) => metadata?.projectId ?? [])})`;
  return new Set(rows.map(({ id }) => id));
}

/** Decides the owners of all customers that the subjects name. */
async function decideCustomers(
  tx: Tx,
  { unlinked }: StripeSnapshot,
  subjects: readonly Subject[],
  named: (subject: Subject) => Named | null,
): Promise<Map<string, CustomerVerdict>> {
  const ids = [...new Set(subjects.flatMap(({ customerId }) => customerId ?? []))];
  const links = await tx.$queryRaw<(Link & { id: string })[]>`
    select c.id, u.project_id as "projectId", u.user_id as "userId", c.linked_by as "linkedBy"
    from customers c join users u using (uid) where c.id = any(${ids})`;
  const seen = new Map(
    subjects
      .filter(({ objectType }) => objectType === 'customer')
      .map((subject) => [subject.id, subject]),
  );
  return new Map(
    ids.map((id) => {
      const isUnlinked = unlinked.includes(id);
      const link = isUnlinked ? null : (links.find((row) => row.id === id) ?? null);
      const subject = seen.get(id);
      const owner = ownerOfCustomer(link, subject === undefined ? null : named(subject));
      const byOperator = owner === link && link?.linkedBy === 'operator';
      return [id, { owner: isUnlinked ? (owner ?? null) : owner, byOperator }];
    }),
  );
}

/** Drops a user id that is not valid in requests. */
function addressable({ projectId, userId }: Named): Named {
  return { projectId, userId: userIdSchema.safeParse(userId).success ? userId : null };
}

/** SQL that sets the columns of a customer that change together with `uid`. */
const linkColumns = `, is_primary = false,
  linked_by = case when o.uid is not null then 'metadata' end`;

/**
 * Stores the owners. For intents whose response was lost, also stores the session. A purchase gets the owner
 * of its session, unless an operator assigned it.
 */
export async function storeOwnership(
  tx: Tx,
  { owned, claimed }: Ownership,
  uidOf: (name: UserName) => bigint,
): Promise<void> {
  for (const [objectType, table] of Object.entries(ownedTables)) {
    const rows = owned.filter(({ subject }) => subject.objectType === objectType);
    const uids = rows.map(({ owner }) => (owner === null ? null : uidOf(owner)));
    await tx.$executeRaw`
      update ${sqlText(table)} t set uid = o.uid ${sqlText(objectType === 'customer' ? linkColumns : '')}
      from unnest(${idsOf(rows)}::text[], ${uids}::bigint[]) as o (id, uid)
      where t.id = o.id and t.uid is distinct from o.uid`;
  }
  const sessions = owned.filter(({ subject }) => subject.objectType === 'checkout.session');
  await tx.$executeRaw`
    update purchases p set uid = coalesce(p.attached_uid, s.uid)
    from checkout_sessions s
    where p.session_id = s.id and s.id = any(${idsOf(sessions)})
      and p.uid is distinct from coalesce(p.attached_uid, s.uid)`;
  for (const { intentId, sessionId, customerId } of claimed) {
    await tx.checkoutIntent.updateMany({
      where: { id: intentId, sessionId: null },
      data: { sessionId, customerId },
    });
  }
}

function idsOf(owned: readonly Owned[]): string[] {
  return owned.map(({ subject }) => subject.id);
}
