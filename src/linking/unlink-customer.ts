import { recordAudit } from '../audit/record.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
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

interface UnlinkRequest {
  userId: string;
  customerId: string;
  reason: string;
}

interface Unlinked {
  auditId: string;
  /** The user's revision after the change. */
  revision: number;
}

/**
 * Unlinks a customer from a user. Checkouts and metadata then decide who owns the customer and the customer's
 * objects. Without such evidence, they have no owner. Every read after this call returns shows the change. A
 * second call throws `customer_not_found`.
 *
 * @param by `projectId` is null if the platform key named no project; the customer's project is used.
 * @throws ProblemError customer_not_found (the customer is not linked to the user), customer_named (the
 *   customer's own metadata names the user, so the next sync would link the customer again); errors of the
 *   SDK if Stripe is unavailable. After any of these errors, the link, its audit row and all entitlements are
 *   as before.
 */
export async function unlinkCustomer(
  deps: SyncDeps,
  by: Operator<ProjectScope>,
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
      "The customer's metadata in Stripe names this user. Change `user_id` there first.",
    );
  }
  let auditId = '';
  await tryApplySnapshot(
    { ...deps, cause: 'operator' },
    // Only the worker may record the customer as missing, because only the worker retries.
    { ...snapshot, missing: [], unlinked: [customerId] },
    number,
    async (tx) => {
      auditId = await recordAudit(tx, {
        ...by,
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
      // The metadata may have changed since the fetch.
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
 * @throws ProblemError customer_not_found if the customer is not linked to the named user.
 */
async function loadLinked(
  tx: Tx,
  customerId: string,
  { projectId, userId }: { projectId: ProjectScope; userId: string },
): Promise<UserName> {
  const [linked] = await tx.$queryRaw<UserName[]>`
    select u.project_id as "projectId", u.user_id as "userId"
    from customers c join users u using (uid)
    where c.id = ${customerId} and u.user_id = ${userId}
      and (${projectId}::text is null or u.project_id = ${projectId})`;
  if (linked === undefined) {
    const message =
      "names no customer of the user: GET /api/v1/admin/users/{user_id} lists the user's customers";
    throw notFound('customer_not_found', 'id', customerId, message);
  }
  return linked;
}

/**
 * Loads the customer's current user; null for a user of another project, whom the audit log must not reveal.
 */
async function loadUserOf(tx: Tx, projectId: string, customerId: string): Promise<string | null> {
  const customer = await tx.customer.findUnique({
    where: { id: customerId },
    include: { user: true },
  });
  return customer?.user?.projectId === projectId ? customer.user.userId : null;
}
