import { recordAudit } from '../audit/record.ts';
import type { UserName } from '../entitlements/users.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import type { Operator } from '../projects/operator.ts';
import { drawNumber, type SyncedRef } from '../webhook/sync-queue.ts';
import { enqueueObjects } from '../webhook/enqueue.ts';
import { tryApplySnapshot } from './apply.ts';
import { fetchSnapshot } from './fetch.ts';
import type { SyncDeps } from './sync.ts';

export interface UnlinkRequest {
  userId: string;
  customerId: string;
  reason: string;
}

export interface Unlinked {
  auditId: string;
  /** Of the user's timeline, after it. */
  revision: number;
}

/**
 * Takes a customer away from a user. The customer and what it has go to whom the checkouts that made it,
 * and its own metadata, name; what nothing tells of is nobody's. In one transaction with its audit row and
 * the timelines of all whom it touches: when it has returned, every later read shows it. Again: a 404.
 *
 * @param by `projectId` null = the platform's key, which may leave the project to the customer.
 * @throws ProblemError customer_not_found (not the user's), customer_named (the customer's own metadata
 *   name the user, so that the next news of it would link it again); what the SDK throws, where Stripe
 *   cannot be asked: nothing is unlinked then.
 */
export async function unlinkCustomer(
  deps: SyncDeps,
  by: Omit<Operator, 'projectId'> & { projectId: string | null },
  { userId, customerId, reason }: UnlinkRequest,
): Promise<Unlinked> {
  const { prisma } = deps.database;
  const { projectId } = await loadLinked(prisma, customerId, { userId, projectId: by.projectId });
  const itself: SyncedRef = { objectType: 'customer', objectId: customerId };
  const number = await drawNumber(deps.database);
  const snapshot = await fetchSnapshot(deps.stripe, itself);
  const isNamed = snapshot.customers.some(
    ({ metadataProjectId, metadataUserId }) =>
      metadataProjectId === projectId && metadataUserId === userId,
  );
  if (isNamed) {
    throw new ProblemError(
      'customer_named',
      "The customer's metadata at Stripe name this user. Change `user_id` there first.",
    );
  }
  let auditId = '';
  await tryApplySnapshot(
    deps,
    // That Stripe does not know it is for the worker's tries to say.
    { ...snapshot, missing: [], unlinked: [customerId] },
    number,
    async (tx) => {
      auditId = await recordAudit(tx, {
        actor: by.actor,
        requestId: by.requestId,
        projectId,
        userId,
        action: 'customer.unlink',
        targetType: 'customer',
        targetId: customerId,
        reason,
        before: { user_id: userId },
        after: { user_id: await loadUserOf(tx, projectId, customerId) },
        at: deps.clock(),
      });
      return true;
    },
    async (tx) => {
      await loadLinked(tx, customerId, { userId, projectId });
      // Its metadata may have changed since it was fetched.
      await enqueueObjects(tx, [itself], 1, deps.clock());
    },
  );
  const { revision } = await prisma.user.findUniqueOrThrow({
    where: { projectId_userId: { projectId, userId } },
    select: { revision: true },
  });
  return { auditId, revision: Number(revision) };
}

/** @throws ProblemError customer_not_found where the customer is not the user's. */
async function loadLinked(
  tx: Tx,
  customerId: string,
  { projectId, userId }: { projectId: string | null; userId: string },
): Promise<UserName> {
  const [linked] = await tx.$queryRaw<UserName[]>`
    select u.project_id as "projectId", u.user_id as "userId"
    from customers c join users u using (uid)
    where c.id = ${customerId} and u.user_id = ${userId}
      and (${projectId}::text is null or u.project_id = ${projectId})`;
  if (linked === undefined) {
    throw new ProblemError('customer_not_found', 'The user has no such customer.');
  }
  return linked;
}

/** Whose the customer is now; null also where it is another project's, which this one's audit does not tell. */
async function loadUserOf(tx: Tx, projectId: string, customerId: string): Promise<string | null> {
  const customer = await tx.customer.findUnique({
    where: { id: customerId },
    include: { user: true },
  });
  return customer?.user?.projectId === projectId ? customer.user.userId : null;
}
