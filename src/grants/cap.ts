import { maxSources } from '../entitlements/source-cap.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';

/**
 * How many more grants each of these users may get, by uid: a user may have as many that are not over as
 * `maxSources` says. Ended and expired ones do not count. The users' locks are held.
 */
export async function loadRoom(
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

/** What is said where a user has no room for one more. */
export function tooManyGrants(): ProblemError {
  const message = `has ${maxSources} grants that are not over: end some, or give one with a larger value`;
  return new ProblemError(
    'too_many_grants',
    `The user ${message} (POST /admin/revoke with grant_id or grants_only).`,
    [{ path: 'user_id', message }],
  );
}
