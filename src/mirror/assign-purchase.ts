import { recordAudit } from '../audit/record.ts';
import type { ChangeDeps } from '../entitlements/change.ts';
import { refreshUsers } from '../entitlements/refresh.ts';
import { lockUser } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import type { Operator } from '../projects/operator.ts';

export interface AssignedPurchase {
  /** Null where the purchase was the user's before. */
  auditId: string | null;
  /** Of the user's timeline, after it. */
  revision: number;
}

interface Whose {
  projectId: string | null;
  customers: string[];
  payments: string[];
}

/** Of which project a purchase is: its user's; a guest's, the one that has taken the product. One query. */
async function loadWhose(tx: Tx, id: string): Promise<Whose | null> {
  const [whose] = await tx.$queryRaw<Whose[]>`
    select case when p.uid is null then g.project_id else u.project_id end as "projectId",
      array_remove(array[s.customer_id], null) as customers,
      array_remove(array[p.payment_intent_id, p.invoice_id], null) as payments
    from purchases p join checkout_sessions s on s.id = p.session_id
      left join users u on u.uid = p.uid left join products g on g.id = p.product_id
    where p.id = ${id}`;
  return whose ?? null;
}

/**
 * Gives a guest's purchase a user, for good: later news of the purchase leaves it so. When it has
 * returned, every later read shows what the purchase gives. Again for the same user changes nothing.
 *
 * The join keys are locked as for a refund or a dispute of the same payment, so that one that is being
 * applied is either seen here or sees the user.
 *
 * @param by `projectId` null = the platform's key, which may leave the project to the purchase.
 * @throws ProblemError purchase_not_found (the project may not see it: another's, or a guest's purchase
 *   of a product that the project does not have), purchase_claimed (another user of the project has it)
 */
export async function assignPurchase(
  deps: ChangeDeps,
  by: Omit<Operator, 'projectId'> & { projectId: string | null },
  asked: { purchaseId: string; userId: string; reason?: string | undefined },
  keep: KeepAnswer<AssignedPurchase>,
): Promise<AssignedPurchase> {
  const { purchaseId, userId, reason } = asked;
  const whose = await loadWhose(deps.database.prisma, purchaseId);
  const projectId = whose?.projectId ?? null;
  if (whose === null || projectId === null || (by.projectId ?? projectId) !== projectId) {
    throw new ProblemError('purchase_not_found');
  }
  const { assigned, refreshed } = await deps.database.transaction(async (tx) => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await lockJoinKeys(tx, whose.customers);
    await lockJoinKeys(tx, whose.payments);
    const user = await lockUser(tx, { projectId, userId }, now);
    await tx.$queryRaw`select from purchases where id = ${purchaseId} for update`;
    const purchase = await tx.purchase.findUniqueOrThrow({ where: { id: purchaseId } });
    if (purchase.uid === user.uid) {
      const assigned = { auditId: null, revision: user.revision };
      await keep(tx, assigned);
      return { assigned, refreshed: [] };
    }
    if ((await loadWhose(tx, purchaseId))?.projectId !== projectId) {
      throw new ProblemError('purchase_not_found');
    }
    if (purchase.uid !== null) throw new ProblemError('purchase_claimed');
    await tx.purchase.update({
      where: { id: purchaseId },
      data: { uid: user.uid, attachedUid: user.uid },
    });
    const auditId = await recordAudit(tx, {
      actor: by.actor,
      requestId: by.requestId,
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
    const refreshed = await refreshUsers(tx, projectId, [user], now);
    const assigned = { auditId, revision: refreshed[0]?.revision ?? user.revision };
    await keep(tx, assigned);
    return { assigned, refreshed };
  });
  await deps.cache.forget(refreshed);
  return assigned;
}
