import { recordAudits } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import { updateUser, type UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { LockedUser } from '../entitlements/users.ts';
import type { Grant } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import type { Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { withAccess } from './access.ts';
import { toGrantDto } from './grants.ts';
import { loadLastAuditId, requireFeature } from './records.ts';
import type { Access, GrantChange, GrantDto, GrantsEnded, RevokeRequest } from './schemas.ts';

/**
 * Ends one grant now. If its window has not begun, the grant never takes effect. A grant that has already
 * ended stays unchanged, and the response refers to the grant's latest audit row.
 *
 * @throws ProblemError grant_not_found, also for a grant of another project
 */
export async function endGrant(
  deps: UpdateUserDeps,
  operator: Operator,
  grantId: string,
  reason: string,
  keep: KeepAnswer<GrantChange & Access>,
): Promise<GrantChange & Access> {
  const { projectId } = operator;
  const found = await deps.database.prisma.grant.findFirst({
    where: { id: grantId, projectId },
    select: { featureCode: true, user: { select: { userId: true } } },
  });
  if (found === null) throw notFound('grant_not_found', 'grant_id', grantId);
  const { featureCode } = found;
  const { userId } = found.user;
  const end = async (tx: Tx, _user: LockedUser, now: number) => {
    const before = await tx.grant.findUniqueOrThrow({ where: { id: grantId } });
    if (hasEnded(before, now)) {
      const target = { projectId, userId, targetType: 'grant', targetId: grantId } as const;
      return { grant: toGrantDto(before, userId), audit_id: await loadLastAuditId(tx, target) };
    }
    const [ended] = await endAll(tx, operator, userId, [before], reason, now);
    if (ended === undefined) throw new Error(`endAll returned no result for grant ${grantId}`);
    return { grant: ended.grant, audit_id: ended.auditId };
  };
  const change = await updateUser(deps, projectId, userId, end, (tx, done) =>
    keep(tx, withAccess(done, featureCode)),
  );
  return withAccess(change, featureCode);
}

/**
 * Ends all of a user's manual grants of a feature, including future ones. Purchases are not affected, and no
 * revocation is recorded. The feature may be archived.
 *
 * @throws ProblemError feature_not_found
 */
export async function endGrantsOf(
  deps: UpdateUserDeps,
  operator: Operator,
  { userId, featureCode, reason }: Extract<RevokeRequest, { kind: 'grants' }>,
  keep: KeepAnswer<GrantsEnded>,
): Promise<GrantsEnded> {
  const { projectId } = operator;
  const end = async (tx: Tx, { uid }: LockedUser, now: number) => {
    await requireFeature(tx, projectId, featureCode);
    const found = await tx.grant.findMany({
      where: { uid, featureCode, endedAt: null },
      orderBy: { id: 'asc' },
    });
    const running = found.filter((grant) => !hasEnded(grant, now));
    const ended = await endAll(tx, operator, userId, running, reason, now);
    const auditIds = ended.map(({ auditId }) => auditId);
    return {
      grants: ended.map(({ grant }) => grant),
      audit_ids: auditIds,
      audit_id: auditIds.at(-1) ?? null,
    };
  };
  const change = await updateUser(deps, projectId, userId, end, (tx, done) =>
    keep(tx, withAccess(done, featureCode)),
  );
  return withAccess(change, featureCode);
}

function hasEnded({ endedAt, validTo }: Grant, now: number): boolean {
  return endedAt !== null || (validTo !== null && validTo.getTime() <= now);
}

/** Ends the given grants, in order, each with its own audit row. */
async function endAll(
  tx: Tx,
  operator: Operator,
  userId: string,
  running: readonly Grant[],
  reason: string,
  now: number,
): Promise<{ grant: GrantDto; auditId: string }[]> {
  const endedAt = new Date(now);
  await tx.grant.updateMany({
    where: { id: { in: running.map(({ id }) => id) } },
    data: { endedAt },
  });
  const ended = running.map((before) => ({
    before: toGrantDto(before, userId),
    grant: toGrantDto({ ...before, endedAt }, userId),
    auditId: newId('au'),
  }));
  await recordAudits(
    tx,
    ended.map(({ before, grant, auditId }) => ({
      ...operator,
      id: auditId,
      userId,
      action: 'grant.end',
      targetType: 'grant',
      targetId: grant.id,
      reason,
      before,
      after: grant,
      at: now,
    })),
  );
  return ended;
}
