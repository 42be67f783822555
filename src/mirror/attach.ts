import { recordAudit } from '../audit/record.ts';
import type { ChangeDeps } from '../entitlements/change.ts';
import { refreshUsers } from '../entitlements/refresh.ts';
import { lockUser } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import type { Operator } from '../projects/operator.ts';

export interface Attached {
  /** Null where the purchase was the user's before. */
  auditId: string | null;
  /** Of the user's timeline, after it. */
  revision: number;
}

/** Of which project a purchase is: its user's; a guest's, the one that has taken the product. */
async function loadWhose(
  tx: Tx,
  id: string,
): Promise<{ projectId: string | null; customers: string[]; payments: string[] }> {
  const purchase = await tx.purchase.findUnique({
    where: { id },
    include: { user: true, session: { select: { customerId: true } } },
  });
  if (purchase === null) throw new ProblemError('purchase_not_found');
  const { user, productId, paymentIntentId, invoiceId, session } = purchase;
  const product = await tx.product.findUnique({ where: { id: productId } });
  return {
    projectId: user === null ? (product?.projectId ?? null) : user.projectId,
    customers: [session.customerId].filter((key) => key !== null),
    payments: [paymentIntentId, invoiceId].filter((key) => key !== null),
  };
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
export async function attachPurchase(
  deps: ChangeDeps,
  by: Omit<Operator, 'projectId'> & { projectId: string | null },
  asked: { purchaseId: string; userId: string; reason?: string | undefined },
  keep: KeepAnswer<Attached>,
): Promise<Attached> {
  const { purchaseId, userId, reason } = asked;
  const { projectId, customers, payments } = await loadWhose(deps.database.prisma, purchaseId);
  if (projectId === null || (by.projectId !== null && by.projectId !== projectId)) {
    throw new ProblemError('purchase_not_found');
  }
  const { attached, refreshed } = await deps.database.transaction(async (tx) => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    await lockJoinKeys(tx, customers);
    await lockJoinKeys(tx, payments);
    const user = await lockUser(tx, { projectId, userId }, now);
    await tx.$queryRaw`select from purchases where id = ${purchaseId} for update`;
    const purchase = await tx.purchase.findUniqueOrThrow({ where: { id: purchaseId } });
    if (purchase.uid === user.uid) {
      const attached = { auditId: null, revision: user.revision };
      await keep(tx, attached);
      return { attached, refreshed: [] };
    }
    if ((await loadWhose(tx, purchaseId)).projectId !== projectId) {
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
    const attached = { auditId, revision: refreshed[0]?.revision ?? user.revision };
    await keep(tx, attached);
    return { attached, refreshed };
  });
  await deps.cache.forget(refreshed);
  return attached;
}
