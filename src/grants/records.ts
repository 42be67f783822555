import type { UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { Tx } from '../platform/database.ts';
import type { ListFilter } from './schemas.ts';

export type GrantDeps = UpdateUserDeps;

/** Returns the id of the last audit row about one grant or revocation of a user. */
export async function loadLastAuditId(
  tx: Tx,
  target: {
    projectId: string;
    userId: string;
    targetType: 'grant' | 'revocation';
    targetId: string;
  },
): Promise<string> {
  const { id } = await tx.auditEntry.findFirstOrThrow({
    where: target,
    orderBy: { number: 'desc' },
    select: { id: true },
  });
  return id;
}

/** Returns the condition for a list of the project's rows; `inForce` is what `active` means for them. */
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
 * Returns the condition that a window contains `now`. A window that began when it was recorded has begun,
 * even if the recording clock was ahead of ours. Does not check whether the window was cut short.
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
