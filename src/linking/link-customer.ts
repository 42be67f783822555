import { recordAudit } from '../audit/record.ts';
import { platformActor } from '../auth/caller.ts';
import type { Operator } from '../auth/project-access.ts';
import { lockUser, type UserName } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Named } from '../mirror/core/claims.ts';
import type { CustomerRow } from '../mirror/core/rows.ts';
import { fetchSnapshot } from '../mirror/fetch.ts';
import { type SyncDeps, syncObject } from '../mirror/sync.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { enqueueObjects } from '../webhook/enqueue.ts';
import { type CustomerClaims, judgeLink } from './core/linkable.ts';
import { type CustomerObjects, fetchCustomerObjects, fetchDisputes } from './customer-objects.ts';

interface LinkRequest {
  userId: string;
  customerId: string;
  reason?: string | undefined;
}

export interface Linked {
  /** Null if the customer was already linked to the user. */
  auditId: string | null;
  /** Number of objects that may affect access: the customer and the customer's objects. */
  objects: number;
  /** Number of these objects that the worker still has to fetch. */
  pending: number;
  /** The user's revision after the objects were fetched. */
  revision: number;
}

/** Maximum number of objects that the call fetches itself. The worker fetches the rest. */
const maxFetchedNow = 40;
const concurrency = 3;

const customerField = 'stripe_customer_id';

/** Delay before the worker may claim the objects that the call fetches itself, milliseconds. */
const claimDelayMs = 30_000;

/**
 * Links an existing Stripe customer to a user and fetches the customer's objects. One transaction writes the
 * link with its audit row and enqueues all objects, so the worker completes whatever a failure interrupts.
 * Repeating it for the same user only fetches the objects again.
 *
 * A customer that does not belong to the project looks like one that does not exist (`judgeLink`): both cost
 * the same Stripe requests and the same queries.
 *
 * @param keep stores the response as it is right after linking, before the objects are fetched.
 * @throws ProblemError customer_not_found, customer_deleted, customer_linked (the customer belongs to another
 *   user); errors of the SDK if Stripe is unavailable. Nothing is linked in that case.
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
  const [{ customer: customers }, first] = await Promise.all([
    fetchSnapshot(stripe, itself),
    fetchCustomerObjects(stripe, customerId, 'first'),
  ]);
  const customer = customers[0] ?? null;
  const requireLinkable = async (tx: Tx, { named, productIds }: CustomerObjects): Promise<Date> => {
    const claims = await loadClaims(tx, customerId, customer, named, productIds);
    return createdIfLinkable(operator, { userId, customerId }, customer, claims);
  };
  const createdAt = await requireLinkable(database.prisma, first);
  const whole = first.hasMore ? await fetchCustomerObjects(stripe, customerId, 'all') : first;
  const objects = [itself, ...whole.objects, ...(await fetchDisputes(stripe, customerId))];
  const fetchedNow = objects.slice(0, maxFetchedNow);
  const link = async (tx: Tx): Promise<Omit<Linked, 'pending'>> => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await enqueueObjects(tx, objects, 1, now, { projectId });
    await enqueueObjects(tx, fetchedNow, 1, now, { projectId, claimableAt: now + claimDelayMs });
    await lockJoinKeys(tx, [customerId]);
    const { uid, revision } = await lockUser(tx, { projectId, userId }, now);
    const stored = await tx.customer.findUnique({ where: { id: customerId } });
    if (stored?.uid === uid) return { auditId: null, objects: objects.length, revision };
    await requireLinkable(tx, whole);
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

/**
 * Returns when the customer was created in Stripe.
 *
 * @throws ProblemError if the customer may not be linked to the user.
 */
function createdIfLinkable(
  { projectId, actor }: Operator,
  { userId, customerId }: LinkRequest,
  customer: CustomerRow | null,
  claims: CustomerClaims,
): Date {
  const verdict = judgeLink({ projectId, userId }, actor === platformActor, claims);
  if (customer === null || verdict === 'not_found') {
    throw customerNotFound(projectId, customerId, actor === platformActor);
  }
  // Stripe returns only the id of a deleted customer.
  if (customer.createdAt === null) {
    throw new ProblemError('customer_deleted', undefined, [
      {
        path: customerField,
        message: 'names a customer that was deleted in Stripe: send one that exists',
      },
    ]);
  }
  if (verdict === 'linked') throw customerLinked(claims);
  return customer.createdAt;
}

/** Returns the problem for a customer that the key may not see, whether or not the customer exists. */
function customerNotFound(
  projectId: string,
  customerId: string,
  byPlatform: boolean,
): ProblemError {
  const message = byPlatform
    ? "names no customer of the Stripe account: copy the id from Stripe's dashboard, in the mode of the service's Stripe key"
    : `names no customer that project \`${projectId}\` may link: set \`metadata.project_id\` of the customer to \`${projectId}\` in Stripe first`;
  return notFound('customer_not_found', customerField, customerId, message);
}

/**
 * Returns the problem for a customer of another user. Only the platform key can get it for a user of another
 * project: `judgeLink` hides such customers from other keys.
 */
function customerLinked({ link }: CustomerClaims): ProblemError {
  const owner =
    link === null ? 'another user' : `user \`${link.userId}\` of project \`${link.projectId}\``;
  const remedy =
    link === null
      ? 'change `user_id` in the metadata of the customer and of its objects in Stripe'
      : 'DELETE /api/v1/admin/users/{user_id}/customers/{id} unlinks it';
  return new ProblemError('customer_linked', undefined, [
    { path: customerField, message: `belongs to ${owner}: ${remedy}, then link it` },
  ]);
}

interface ClaimRow {
  kind: 'link' | 'owner' | 'project' | 'seller';
  projectId: string;
  userId: string | null;
}

/** Loads all claims to the customer with one query. */
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
    union all select 'owner', project_id, user_id from users where uid in (
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
    owners: users('owner'),
    sellers: of('seller').map(({ projectId }) => projectId),
  };
}

/** Syncs the customer, then the customer's objects in small batches. Returns how many were applied. */
async function syncBatches(deps: SyncDeps, objects: readonly SyncedRef[]): Promise<number> {
  const caused: SyncDeps = { ...deps, cause: 'operator' };
  let done = 0;
  const [first, ...rest] = objects;
  const batches = first === undefined ? [] : [[first]];
  for (let at = 0; at < rest.length; at += concurrency) {
    batches.push(rest.slice(at, at + concurrency));
  }
  for (const batch of batches) {
    for (const outcome of await Promise.allSettled(batch.map((ref) => syncObject(caused, ref)))) {
      if (outcome.status === 'fulfilled') done += outcome.value === 'applied' ? 1 : 0;
      else {
        deps.logger.warn(
          { err: outcome.reason as unknown },
          'could not fetch an object of a linked customer; the worker will retry',
        );
      }
    }
  }
  return done;
}
