import { recordAudit } from '../audit/record.ts';
import { lockUser } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import type { Operator } from '../projects/operator.ts';
import type { FollowedRef } from '../webhook/followed.ts';
import { wantObjects } from '../webhook/want.ts';
import { type Belongings, fetchBelongings } from './belongings.ts';
import { fetchPicture } from './fetch.ts';
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
 * What another project has is as what does not exist: the customer, whether it is linked, named by its
 * metadata or has something that is that project's.
 *
 * @throws ProblemError customer_not_found, customer_deleted, customer_linked (another user of the
 *   project has it); what the SDK throws, where Stripe cannot be asked: nothing is linked then.
 */
export async function linkCustomer(
  deps: SyncDeps,
  operator: Operator,
  { userId, customerId, reason }: LinkRequest,
  keep: KeepAnswer<Linked>,
): Promise<Linked> {
  const { database, stripe } = deps;
  const { projectId } = operator;
  const itself: FollowedRef = { objectType: 'customer', objectId: customerId };
  const [customer] = (await fetchPicture(stripe, itself)).customers;
  if (customer === undefined) throw notFound();
  const { createdAt } = customer;
  if (createdAt === null) throw await deletedOrHidden(database.prisma, projectId, customerId);
  const belongings = await fetchBelongings(stripe, customerId);
  const objects = [itself, ...belongings.objects];
  const fetchedNow = objects.slice(0, fetchedAtOnce);
  const link = async (tx: Tx): Promise<Omit<Linked, 'pending'>> => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await wantObjects(tx, objects, 1, now);
    await wantObjects(tx, fetchedNow, 1, now, now + heldMs);
    await lockJoinKeys(tx, [customerId]);
    const { uid, revision } = await lockUser(tx, { projectId, userId }, now);
    const stored = await tx.customer.findUnique({
      where: { id: customerId },
      include: { user: true },
    });
    if (stored?.uid === uid) return { auditId: null, objects: objects.length, revision };
    if (stored?.user) throw refusal(projectId, stored.user.projectId);
    await refuseOthers(tx, { projectId, userId }, customer, belongings);
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
  const done = await syncSome(deps, fetchedNow);
  const { revision } = await database.prisma.user.findUniqueOrThrow({
    where: { projectId_userId: { projectId, userId } },
    select: { revision: true },
  });
  return { ...linked, pending: objects.length - done, revision: Number(revision) };
}

/** Stripe tells of a deleted customer its id alone; whose it was, only we know. */
async function deletedOrHidden(tx: Tx, projectId: string, id: string): Promise<ProblemError> {
  const stored = await tx.customer.findUnique({ where: { id }, include: { user: true } });
  return stored?.user && stored.user.projectId !== projectId
    ? notFound()
    : new ProblemError('customer_deleted');
}

/**
 * A customer that nobody is linked to may be somebody's all the same: by its metadata, or by what it
 * has. A link would take that away from them.
 */
async function refuseOthers(
  tx: Tx,
  wanted: { projectId: string; userId: string },
  customer: CustomerRow,
  { named, productIds }: Belongings,
): Promise<void> {
  const names = [
    { projectId: customer.metadataProjectId, userId: customer.metadataUserId },
    ...named,
  ].flatMap(({ projectId, userId }) =>
    // A project alone is any user of it, the wanted one too.
    projectId === null ? [] : [{ projectId, userId: userId ?? wanted.userId }],
  );
  const owners = await tx.$queryRaw<{ project_id: string; user_id: string }[]>`
    select named.project_id, named.user_id
    from unnest(
      ${names.map(({ projectId }) => projectId)}::text[],
      ${names.map(({ userId }) => userId)}::text[]) as named (project_id, user_id)
    join projects p on p.id = named.project_id
    union
    select u.project_id, u.user_id from users u
    where u.uid in (
      select uid from subscriptions where customer_id = ${customer.id}
      union all select uid from checkout_sessions where customer_id = ${customer.id}
      union all select p.uid from purchases p join checkout_sessions s on s.id = p.session_id
        where s.customer_id = ${customer.id})`;
  const others = owners.filter(
    (owner) => owner.project_id !== wanted.projectId || owner.user_id !== wanted.userId,
  );
  const [other] = others.toSorted(
    (a, b) => Number(a.project_id === wanted.projectId) - Number(b.project_id === wanted.projectId),
  );
  if (other !== undefined) throw refusal(wanted.projectId, other.project_id);
  const sellers = await tx.product.findMany({
    where: { id: { in: productIds }, projectId: { not: null } },
    select: { projectId: true },
  });
  // A customer of another project's goods alone is that project's, even where nobody is named.
  if (sellers.length > 0 && !sellers.some(({ projectId }) => projectId === wanted.projectId)) {
    throw notFound();
  }
}

function refusal(projectId: string, ofProject: string): ProblemError {
  return ofProject === projectId ? new ProblemError('customer_linked') : notFound();
}

function notFound(): ProblemError {
  return new ProblemError('customer_not_found', 'Stripe knows no such customer.');
}

/** Fetches and applies objects, a few at a time, the customer before what it has; returns how many it did. */
async function syncSome(deps: SyncDeps, objects: readonly FollowedRef[]): Promise<number> {
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
