import { maxSources } from '../entitlements/core/source-cap.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';

/**
 * Loads, by uid, how many more grants each user may get. Ended and expired grants do not count towards the
 * limit, `maxSources`. The caller must hold the users' locks.
 */
export async function loadRemaining(
  tx: Tx,
  uids: readonly bigint[],
  now: number,
): Promise<Map<bigint, number>> {
  const counts = await tx.grant.groupBy({
    by: ['uid'],
    where: {
      uid: { in: [...uids] },
      endedAt: null,
      OR: [{ validTo: null }, { validTo: { gt: new Date(now) } }],
    },
    _count: true,
  });
  const countOf = new Map(counts.map(({ uid, _count }) => [uid, _count]));
  return new Map(uids.map((uid) => [uid, maxSources - (countOf.get(uid) ?? 0)]));
}

/** Returns the problem for a grant that exceeds the user's limit. */
export function tooManyGrants(): ProblemError {
  const message = `has ${maxSources} grants that have not ended: end some (POST /api/v1/admin/revoke with grant_id or grants_only), or give one with a larger value`;
  return new ProblemError('too_many_grants', undefined, [{ path: 'user_id', message }]);
}
