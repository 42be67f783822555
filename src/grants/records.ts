import type { UserName } from '../entitlements/users.ts';
import type { Feature } from '../generated/prisma/client.ts';
import { featureNotFound } from '../http/not-found.ts';
import type { Tx } from '../platform/database.ts';
import type { ListFilter } from './schemas.ts';

/**
 * Loads a feature of the project, archived or not.
 *
 * @throws ProblemError feature_not_found
 */
export async function requireFeature(tx: Tx, projectId: string, code: string): Promise<Feature> {
  const feature = await tx.feature.findUnique({ where: { projectId_code: { projectId, code } } });
  if (feature === null) throw featureNotFound({ path: 'feature_code', isArchived: false });
  return feature;
}

/** Loads the id of the latest audit row about a user's grant or revocation. */
export async function loadLastAuditId(
  tx: Tx,
  target: UserName & { targetType: 'grant' | 'revocation'; targetId: string },
): Promise<string> {
  const { id } = await tx.auditEntry.findFirstOrThrow({
    where: target,
    orderBy: { number: 'desc' },
    select: { id: true },
  });
  return id;
}

/**
 * Returns the query condition for a list of grants or revocations. `inForce` is the condition for those in
 * force.
 */
export function matching<InForce extends object>(
  projectId: string,
  filter: ListFilter,
  after: string | undefined,
  inForce: InForce,
) {
  const { user_id: userId, feature_code: featureCode, active } = filter;
  return {
    projectId,
    ...(userId === undefined ? {} : { user: { projectId, userId } }),
    ...(featureCode === undefined ? {} : { featureCode }),
    ...(active === undefined ? {} : active === 'true' ? { AND: inForce } : { NOT: inForce }),
    ...(after === undefined ? {} : { id: { gt: after } }),
  };
}

/**
 * Returns the query condition that a window contains `now`, ignoring any early end. A window that began when
 * it was recorded counts as begun even if the recording process's clock was ahead of ours.
 */
export function windowHolds<Field>(now: number, createdAt: Field) {
  const at = new Date(now);
  return {
    AND: [
      { OR: [{ validFrom: { lte: at } }, { validFrom: { lte: createdAt } }] },
      { OR: [{ validTo: null }, { validTo: { gt: at } }] },
    ],
  };
}
