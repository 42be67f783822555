import { recordAudit } from '../audit/record.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
import { lastBeganAt } from '../entitlements/core/windows.ts';
import { loadUserFacts } from '../entitlements/refresh/load-user-facts.ts';
import { updateUser, type UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { Revocation } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import type { Database } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { withAccess } from './access.ts';
import { loadLastAuditId, matching, requireFeature, windowHolds } from './records.ts';
import type {
  Access,
  ListFilter,
  RevocationChange,
  RevocationDto,
  RevokeRequest,
} from './schemas.ts';
import { windowOf } from './window.ts';

/**
 * Revokes a user's feature for a window, overriding earlier grants. The revocation affects sources that began
 * by the time it was recorded; with `block`, later sources too. Archived features can also be revoked.
 *
 * @throws ProblemError feature_not_found, window_invalid
 */
export async function createRevocation(
  deps: UpdateUserDeps,
  operator: Operator,
  request: Extract<RevokeRequest, { kind: 'feature' }>,
  keep: KeepAnswer<RevocationChange & Access>,
): Promise<RevocationChange & Access> {
  const { projectId } = operator;
  const { featureCode, reason } = request;
  const change = await updateUser(
    deps,
    projectId,
    request.userId,
    async (tx, { uid, userId }, now) => {
      await requireFeature(tx, projectId, featureCode);
      const window = windowOf({ valid_from: request.validFrom, valid_to: request.validTo }, now);
      // Stripe's clock may be ahead of ours, but every source in the mirror began before this revocation.
      const facts = (await loadUserFacts(tx, [uid])).get(uid);
      const recordedAt = Math.max(now, (facts && lastBeganAt(facts)) ?? now);
      const auditId = newId('au');
      const row = await tx.revocation.create({
        data: {
          id: newId('rv'),
          uid,
          projectId,
          featureCode,
          validFrom: new Date(window.validFrom),
          validTo: window.validTo === null ? null : new Date(window.validTo),
          block: request.block,
          reason,
          auditId,
          createdAt: new Date(recordedAt),
        },
      });
      const revocation = toRevocationDto(row, userId);
      const target = { targetType: 'revocation', targetId: row.id, reason };
      const effect = { action: 'revocation.create', after: revocation, at: now };
      await recordAudit(tx, { ...operator, userId, ...target, ...effect }, auditId);
      return { revocation, audit_id: auditId };
    },
    (tx, done) => keep(tx, withAccess(done, featureCode)),
  );
  return withAccess(change, featureCode);
}

/**
 * Lifts a revocation now. If its window has not begun, the revocation never takes effect. A revocation that
 * has already ended stays unchanged, and the response refers to the revocation's latest audit row.
 *
 * @param by `projectId` is null for the platform key without a project. The project is then that of the
 *   revocation.
 * @throws ProblemError revocation_not_found, also for a revocation of another project
 */
export async function liftRevocation(
  deps: UpdateUserDeps,
  by: Operator<ProjectScope>,
  id: string,
  reason: string,
): Promise<RevocationChange> {
  const found = await deps.database.prisma.revocation.findFirst({
    where: { id, ...(by.projectId === null ? {} : { projectId: by.projectId }) },
    select: { projectId: true, user: { select: { userId: true } } },
  });
  if (found === null) throw notFound('revocation_not_found', 'id', id);
  const { projectId } = found;
  const { userId } = found.user;
  const { result, revision } = await updateUser(deps, projectId, userId, async (tx, _user, now) => {
    const before = await tx.revocation.findUniqueOrThrow({ where: { id } });
    if (before.liftedAt !== null || (before.validTo !== null && before.validTo.getTime() <= now)) {
      const target = { projectId, userId, targetType: 'revocation', targetId: id } as const;
      const auditId = await loadLastAuditId(tx, target);
      return { revocation: toRevocationDto(before, userId), audit_id: auditId };
    }
    const lifted = await tx.revocation.update({
      where: { id },
      data: { liftedAt: new Date(now) },
    });
    const revocation = toRevocationDto(lifted, userId);
    const auditId = await recordAudit(tx, {
      ...by,
      projectId,
      userId,
      action: 'revocation.lift',
      targetType: 'revocation',
      targetId: id,
      reason,
      before: toRevocationDto(before, userId),
      after: revocation,
      at: now,
    });
    return { revocation, audit_id: auditId };
  });
  return { ...result, revision };
}

/** Loads the project's matching revocations, ordered by id. */
export async function loadRevocations(
  database: Database,
  projectId: string,
  filter: ListFilter,
  page: { after: string | undefined; take: number },
  now: number,
): Promise<RevocationDto[]> {
  const { createdAt } = database.prisma.revocation.fields;
  const inForce = { ...windowHolds(now, createdAt), liftedAt: null };
  const revocations = await database.prisma.revocation.findMany({
    where: matching(projectId, filter, page.after, inForce),
    include: { user: { select: { userId: true } } },
    orderBy: { id: 'asc' },
    take: page.take,
  });
  return revocations.map((revocation) => toRevocationDto(revocation, revocation.user.userId));
}

/** Maps a revocation to its DTO. */
export function toRevocationDto(revocation: Revocation, userId: string): RevocationDto {
  return {
    id: revocation.id,
    user_id: userId,
    feature_code: revocation.featureCode,
    valid_from: revocation.validFrom.toISOString(),
    valid_to: revocation.validTo?.toISOString() ?? null,
    lifted_at: revocation.liftedAt?.toISOString() ?? null,
    block: revocation.block,
    reason: revocation.reason,
    created_at: revocation.createdAt.toISOString(),
  };
}
