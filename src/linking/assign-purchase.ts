import { recordAudit } from '../audit/record.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
import { refreshUsers } from '../entitlements/refresh/refresh-users.ts';
import type { UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import { lockUser } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';

export interface AssignedPurchase {
  /** Null if the user already had the purchase. */
  auditId: string | null;
  /** The user's revision after the change. */
  revision: number;
}

interface PurchaseOwner {
  projectId: string | null;
  customers: string[];
  payments: string[];
}

/**
 * Loads the project of a purchase: the project of its user or, for a guest's purchase, the project of its
 * product.
 */
async function loadPurchaseOwner(tx: Tx, id: string): Promise<PurchaseOwner | null> {
  const [owner] = await tx.$queryRaw<PurchaseOwner[]>`
    select case when p.uid is null then g.project_id else u.project_id end as "projectId",
      array_remove(array[s.customer_id], null) as customers,
      array_remove(array[p.payment_intent_id, p.invoice_id], null) as payments
    from purchases p join checkout_sessions s on s.id = p.session_id
      left join users u on u.uid = p.uid left join products g on g.id = p.product_id
    where p.id = ${id}`;
  return owner ?? null;
}

/**
 * Assigns a guest's purchase to a user permanently: later syncs do not change the owner. Once it has
 * returned, every read shows the features of the purchase. Repeating it for the same user changes nothing.
 *
 * Takes the same join-key locks as a refund or dispute of the payment, so that neither misses a change made
 * by the other.
 *
 * @param by `projectId` is null if the platform key named no project; the purchase's project is used.
 * @throws ProblemError purchase_not_found (the purchase is unknown, belongs to another project, or is a
 *   guest's purchase of a product that the project does not have), purchase_claimed (the purchase belongs to
 *   another user of the project)
 */
export async function assignPurchase(
  deps: UpdateUserDeps,
  by: Operator<ProjectScope>,
  {
    purchaseId,
    userId,
    reason,
  }: { purchaseId: string; userId: string; reason: string | undefined },
  keep: KeepAnswer<AssignedPurchase>,
): Promise<AssignedPurchase> {
  const owner = await loadPurchaseOwner(deps.database.prisma, purchaseId);
  const projectId = owner?.projectId ?? null;
  if (owner === null || projectId === null || (by.projectId ?? projectId) !== projectId) {
    throw notFound('purchase_not_found', 'id', purchaseId);
  }
  const { assigned, refreshed } = await deps.database.transaction(async (tx) => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await lockJoinKeys(tx, owner.customers);
    await lockJoinKeys(tx, owner.payments);
    const user = await lockUser(tx, { projectId, userId }, now);
    await tx.$queryRaw`select from purchases where id = ${purchaseId} for update`;
    const purchase = await tx.purchase.findUniqueOrThrow({ where: { id: purchaseId } });
    if (purchase.uid === user.uid) {
      const assigned = { auditId: null, revision: user.revision };
      await keep(tx, assigned);
      return { assigned, refreshed: [] };
    }
    if ((await loadPurchaseOwner(tx, purchaseId))?.projectId !== projectId) {
      throw notFound('purchase_not_found', 'id', purchaseId);
    }
    if (purchase.uid !== null) {
      throw new ProblemError(
        'purchase_claimed',
        'The purchase belongs permanently to another user. Grant the feature instead: POST /api/v1/admin/grant.',
      );
    }
    await tx.purchase.update({
      where: { id: purchaseId },
      data: { uid: user.uid, attachedUid: user.uid },
    });
    const auditId = await recordAudit(tx, {
      ...by,
      projectId,
      userId,
      action: 'purchase.attach',
      targetType: 'purchase',
      targetId: purchaseId,
      ...(reason === undefined ? {} : { reason }),
      before: { user_id: null },
      after: { user_id: userId },
      at: now,
    });
    const refreshed = await refreshUsers(tx, projectId, [user], now, 'operator');
    const assigned = { auditId, revision: refreshed[0]?.revision ?? user.revision };
    await keep(tx, assigned);
    return { assigned, refreshed };
  });
  await deps.cache.forget(refreshed);
  return assigned;
}
