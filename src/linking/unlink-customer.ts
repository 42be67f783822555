import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import type { UserName } from '../entitlements/users.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { tryApplySnapshot } from '../mirror/apply.ts';
import { fetchSnapshot } from '../mirror/fetch.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import type { Tx } from '../platform/database.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { enqueueObjects } from '../webhook/enqueue.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';

export interface UnlinkRequest {
  userId: string;
  customerId: string;
  reason: string;
}

export interface Unlinked {
  auditId: string;
  /** The user's revision after the change. */
  revision: number;
}

/**
 * Unlinks a customer from a user. The customer and its objects go to the users that their checkouts and
 * metadata name; without such evidence they have no owner. One transaction writes the audit row and the
 * timelines of all affected users, so every read after its return shows the change. A repetition gets a 404.
 *
 * @param by `projectId` null = the platform key, which may leave the project to the customer.
 * @throws ProblemError customer_not_found (not the user's), customer_named (the customer's own metadata name
 *   the user, so its next sync would link it again); errors of the SDK if Stripe is unavailable: nothing is
 *   unlinked then.
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
  const isNamed = snapshot.customer.some(
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
    { ...deps, cause: 'operator' },
    // Only the worker's retries may conclude that the customer is missing at Stripe.
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

/**
 * Loads the user to whom the customer is linked.
 *
 * @throws ProblemError customer_not_found if it is not linked to the named user.
 */
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
    const message =
      'names no customer of the user: GET /api/v1/admin/users/{user_id} shows the customers that are';
    throw notFound('customer_not_found', 'id', customerId, message);
  }
  return linked;
}

/**
 * Loads the customer's current user. Returns null for a user of another project, whom the audit must not
 * reveal.
 */
async function loadUserOf(tx: Tx, projectId: string, customerId: string): Promise<string | null> {
  const customer = await tx.customer.findUnique({
    where: { id: customerId },
    include: { user: true },
  });
  return customer?.user?.projectId === projectId ? customer.user.userId : null;
}
