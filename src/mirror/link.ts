import { recordAudit } from '../audit/record.ts';
import { lockUser, type UserName } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import { platformActor } from '../projects/caller.ts';
import type { Operator } from '../projects/operator.ts';
import type { SyncedRef } from '../webhook/sync-queue.ts';
import { enqueueObjects } from '../webhook/enqueue.ts';
import { type CustomerObjects, fetchCustomerObjects, fetchDisputes } from './customer-objects.ts';
import type { Named } from './claims.ts';
import { fetchSnapshot } from './fetch.ts';
import { type CustomerClaims, judgeLink } from './linkable.ts';
import type { CustomerRow } from './rows.ts';
import { type SyncDeps, syncObject } from './sync.ts';

export interface LinkRequest {
  userId: string;
  customerId: string;
  reason?: string | undefined;
}

export interface Linked {
  /** Null where the customer was the user's before. */
  auditId: string | null;
  /** How many objects the customer has that access may depend on, itself included. */
  objects: number;
  /** How many of them are still to be fetched, which the worker does. */
  pending: number;
  /** Of the user's timeline, with what was fetched. */
  revision: number;
}

/** How many objects are fetched before the call returns; the worker fetches the rest. */
const fetchedAtOnce = 40;
const concurrency = 3;

/** How long the worker leaves those to the call, unless a buyer comes to wait for one, milliseconds. */
const heldMs = 30_000;

/**
 * Makes an existing Stripe customer a user's, with all it has, and fetches that. In one transaction the
 * link is written with its audit row and everything is made wanted; so whatever breaks after it, the
 * worker ends what was begun. Again for the same user: fetches again, links nothing.
 *
 * Kept is what holds once the link is written: the objects are still to be fetched.
 *
 * What is not the project's own is as what does not exist (`judgeLink`), and is found out by the same
 * requests to Stripe and the same queries.
 *
 * @throws ProblemError customer_not_found, customer_deleted, customer_linked (another user has it); what
 *   the SDK throws, where Stripe cannot be asked: nothing is linked then.
 */
export async function linkCustomer(
  deps: SyncDeps,
  operator: Operator,
  { userId, customerId, reason }: LinkRequest,
  keep: KeepAnswer<Linked>,
): Promise<Linked> {
  const { database, stripe } = deps;
  const { projectId } = operator;
  const itself: SyncedRef = { objectType: 'customer', objectId: customerId };
  const [{ customers }, first] = await Promise.all([
    fetchSnapshot(stripe, itself),
    fetchCustomerObjects(stripe, customerId, 'first'),
  ]);
  const customer = customers[0] ?? null;
  const createdAt = await refuseOthers(
    database.prisma,
    operator,
    userId,
    customerId,
    customer,
    first,
  );
  const whole = first.hasMore ? await fetchCustomerObjects(stripe, customerId, 'all') : first;
  const objects = [itself, ...whole.objects, ...(await fetchDisputes(stripe, customerId))];
  const fetchedNow = objects.slice(0, fetchedAtOnce);
  const link = async (tx: Tx): Promise<Omit<Linked, 'pending'>> => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await enqueueObjects(tx, objects, 1, now, { projectId });
    await enqueueObjects(tx, fetchedNow, 1, now, { projectId, heldUntil: now + heldMs });
    await lockJoinKeys(tx, [customerId]);
    const { uid, revision } = await lockUser(tx, { projectId, userId }, now);
    const stored = await tx.customer.findUnique({ where: { id: customerId } });
    if (stored?.uid === uid) return { auditId: null, objects: objects.length, revision };
    await refuseOthers(tx, operator, userId, customerId, customer, whole);
    await tx.customer.upsert({
      where: { id: customerId },
      create: { id: customerId, uid, linkedBy: 'operator', createdAt },
      update: { uid, linkedBy: 'operator' },
    });
    const auditId = await recordAudit(tx, {
      ...operator,
      userId,
      action: 'customer.link',
      targetType: 'customer',
      targetId: customerId,
      ...(reason === undefined ? {} : { reason }),
      after: { user_id: userId, objects: objects.length },
      at: now,
    });
    return { auditId, objects: objects.length, revision };
  };
  const linked = await database.transaction(async (tx) => {
    const linked = await link(tx);
    await keep(tx, { ...linked, pending: objects.length });
    return linked;
  });
  const done = await syncBatches(deps, fetchedNow);
  const { revision } = await database.prisma.user.findUniqueOrThrow({
    where: { projectId_userId: { projectId, userId } },
    select: { revision: true },
  });
  return { ...linked, pending: objects.length - done, revision: Number(revision) };
}

/** @returns when Stripe made the customer; throws where the user may not get it. */
async function refuseOthers(
  tx: Tx,
  { projectId, actor }: Operator,
  userId: string,
  customerId: string,
  customer: CustomerRow | null,
  { named, productIds }: CustomerObjects,
): Promise<Date> {
  const claims = await loadClaims(tx, customerId, customer, named, productIds);
  const verdict = judgeLink({ projectId, userId }, actor === platformActor, claims);
  if (customer === null || verdict === 'not_found') {
    throw new ProblemError('customer_not_found', 'Stripe knows no such customer.');
  }
  // Stripe tells of a deleted customer its id alone.
  if (customer.createdAt === null) throw new ProblemError('customer_deleted');
  if (verdict === 'linked') throw new ProblemError('customer_linked');
  return customer.createdAt;
}

interface ClaimRow {
  kind: 'link' | 'holder' | 'project' | 'seller';
  projectId: string;
  userId: string | null;
}

/** One query, whatever there is of it. */
async function loadClaims(
  tx: Tx,
  customerId: string,
  customer: CustomerRow | null,
  namedByObjects: readonly Named[],
  productIds: readonly string[],
): Promise<CustomerClaims> {
  const { metadataProjectId: projectId = null, metadataUserId: userId = null } = customer ?? {};
  const itself = projectId === null ? null : { projectId, userId };
  const projectIds = [itself, ...namedByObjects].flatMap((one) => one?.projectId ?? []);
  const rows = await tx.$queryRaw<ClaimRow[]>`
    select 'link' as kind, u.project_id as "projectId", u.user_id as "userId"
      from customers c join users u using (uid) where c.id = ${customerId}
    union all select 'holder', project_id, user_id from users where uid in (
      select uid from subscriptions where customer_id = ${customerId}
      union all select uid from checkout_sessions where customer_id = ${customerId}
      union all select p.uid from purchases p join checkout_sessions s on s.id = p.session_id
        where s.customer_id = ${customerId})
    union all select 'project', id, null from projects where id = any(${projectIds})
    union all select distinct 'seller', project_id, null from products
      where id = any(${[...productIds]}) and project_id is not null`;
  const of = (kind: ClaimRow['kind']): ClaimRow[] => rows.filter((row) => row.kind === kind);
  const users = (kind: ClaimRow['kind']): UserName[] =>
    of(kind).flatMap(({ projectId, userId }) => (userId === null ? [] : [{ projectId, userId }]));
  const existing = new Set(of('project').map(({ projectId }) => projectId));
  const isKnown = ({ projectId }: Named): boolean => existing.has(projectId);
  return {
    link: users('link')[0] ?? null,
    named: itself !== null && isKnown(itself) ? itself : null,
    namedByObjects: namedByObjects.filter(isKnown),
    holders: users('holder'),
    sellers: of('seller').map(({ projectId }) => projectId),
  };
}

/** Fetches and applies objects, a few at a time, the customer before what it has; returns how many it did. */
async function syncBatches(deps: SyncDeps, objects: readonly SyncedRef[]): Promise<number> {
  let done = 0;
  const [first, ...rest] = objects;
  const batches = first === undefined ? [] : [[first]];
  for (let at = 0; at < rest.length; at += concurrency) {
    batches.push(rest.slice(at, at + concurrency));
  }
  for (const batch of batches) {
    for (const outcome of await Promise.allSettled(batch.map((ref) => syncObject(deps, ref)))) {
      if (outcome.status === 'fulfilled') done += outcome.value === 'applied' ? 1 : 0;
      else {
        deps.logger.warn(
          { err: outcome.reason as unknown },
          'what a linked customer has could not be fetched at once; the worker goes on',
        );
      }
    }
  }
  return done;
}
