import { recordAudits } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import { updateUser } from '../entitlements/refresh/update-user.ts';
import type { LockedUser } from '../entitlements/users.ts';
import type { Grant } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { featureNotFound, notFound } from '../http/not-found.ts';
import type { Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { type Access, withAccess } from './access.ts';
import { toGrantDto } from './grants.ts';
import { type GrantDeps, loadLastAuditId } from './records.ts';
import type { GrantDto, RevokeRequest } from './schemas.ts';

/** The end of one grant; `revision` is that of the user's timeline after it. */
export interface EndedGrant extends Access {
  grant: GrantDto;
  audit_id: string;
  revision: number;
}

/** The grants that were ended, by id, and the audit row of each in the same order. */
export interface EndedGrants extends Access {
  grants: GrantDto[];
  audit_ids: string[];
  /** The last of `audit_ids`; null if there was no grant to end. */
  audit_id: string | null;
  revision: number;
}

/**
 * Ends one grant now; one whose window has not begun never takes effect. A grant that has already ended stays
 * unchanged: nothing is recorded, and the response names the last audit row about it.
 * @throws ProblemError grant_not_found, also for a grant of another project
 */
export async function endGrant(
  deps: GrantDeps,
  operator: Operator,
  grantId: string,
  reason: string,
  keep: KeepAnswer<EndedGrant>,
): Promise<EndedGrant> {
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
    if (isOver(before, now)) {
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
 * Ends all of a user's manual grants of a feature, future ones included, and touches nothing else:
 * purchases stay, and no revocation is recorded.
 * @throws ProblemError feature_not_found; an archived feature is found
 */
export async function endGrantsOf(
  deps: GrantDeps,
  operator: Operator,
  { userId, featureCode, reason }: Extract<RevokeRequest, { kind: 'grants' }>,
  keep: KeepAnswer<EndedGrants>,
): Promise<EndedGrants> {
  const { projectId } = operator;
  const end = async (tx: Tx, { uid }: LockedUser, now: number) => {
    const feature = await tx.feature.findUnique({
      where: { projectId_code: { projectId, code: featureCode } },
    });
    if (feature === null) throw featureNotFound({ path: 'feature_code', isArchived: false });
    const found = await tx.grant.findMany({
      where: { uid, featureCode, endedAt: null },
      orderBy: { id: 'asc' },
    });
    const running = found.filter((grant) => !isOver(grant, now));
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

function isOver({ endedAt, validTo }: Grant, now: number): boolean {
  return endedAt !== null || (validTo !== null && validTo.getTime() <= now);
}

/** Ends grants, each with its own audit row, in this order. */
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
