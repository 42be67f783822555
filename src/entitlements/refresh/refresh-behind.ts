import type { Deps } from '../../deps.ts';
import { type Database, isTimeout, isUnreachable, sql, type Tx } from '../../platform/database.ts';
import { lockProjectShared } from '../../platform/locks.ts';
import type { ChangeCause } from '../core/change.ts';
import type { EntitlementCache } from '../read/cache.ts';
import { type LockedUser, lockUsers } from '../users.ts';
import { type Refreshed, refreshUsers } from './refresh-users.ts';

export interface RefreshDeps extends Pick<Deps, 'clock' | 'database' | 'logger' | 'metrics'> {
  cache: EntitlementCache;
}

/** Delay before retrying a user whose timeline could not be computed, milliseconds. */
export const failedForMs = 300_000;

const batchSize = 100;

interface RefreshOptions {
  /** Maximum number of users to refresh. */
  limit: number;
  /** Users whose refresh failed at or after this instant are skipped. Epoch milliseconds. */
  failedBefore: number;
  /**
   * What to do when a batch times out. `halve` refreshes the batch in smaller parts. `stop` leaves the batch to
   * the sweep, so that an operator's request does not wait.
   */
  onTimeout: 'halve' | 'stop';
}

/**
 * Refreshes users of a project that were computed under an older catalog, oldest catalog first. If a user's
 * timeline cannot be computed, the stored answers stay, an alarm is raised and the user is retried later.
 * After a timeout, batches stay as small as those that succeeded.
 *
 * @returns the number of refreshed users.
 */
export async function refreshBehind(
  deps: RefreshDeps,
  projectId: string,
  { limit, failedBefore, onTimeout }: RefreshOptions,
): Promise<number> {
  const cause = await loadCause(deps.database, projectId);
  let size = batchSize;
  let tried = 0;
  let refreshed = 0;
  while (tried < limit) {
    const wanted = Math.min(size, limit - tried);
    const { rows } = await deps.database.pool.query<{ uid: string }>(
      `select u.uid from users u join projects p on p.id = u.project_id
       where u.project_id = $1 and u.catalog_revision < p.catalog_revision
         and (u.refresh_failed_at is null or u.refresh_failed_at < $2)
       order by u.catalog_revision, u.uid limit $3`,
      [projectId, new Date(failedBefore), wanted],
    );
    const uids = rows.map(({ uid }) => BigInt(uid));
    try {
      const done = await refreshByHalves({ ...deps, cause }, projectId, uids, onTimeout);
      refreshed += done.refreshed;
      if (done.timedOut) size = Math.max(1, done.largest);
    } catch (error) {
      if (onTimeout === 'stop' && isTimeout(error)) break;
      throw error;
    }
    tried += uids.length;
    if (uids.length < wanted) break;
  }
  return refreshed;
}

/**
 * Marks users as outdated instead of refreshing them, for a transaction that would otherwise take too long.
 * The caller calls `refreshMarked` after the commit. If the process dies before that, the sweep refreshes
 * them.
 */
export async function markBehind(tx: Tx, users: readonly LockedUser[]): Promise<void> {
  const uids = users.map(({ uid }) => uid);
  await tx.$executeRaw`update users set catalog_revision = 0 where uid = any(${uids})`;
}

/** Refreshes marked users of one project. A user whose refresh fails raises an alarm and stays marked. */
export async function refreshMarked(
  deps: RefreshDeps,
  projectId: string,
  users: readonly LockedUser[],
  cause: ChangeCause,
): Promise<void> {
  const uids = users.map(({ uid }) => uid);
  await refreshByHalves({ ...deps, cause }, projectId, uids, 'halve');
}

/**
 * Loads why the project's users are behind: the cause of the project's last refresh or, without one,
 * `stripe`, because in that case only a sync can have marked them.
 */
async function loadCause({ pool }: Database, projectId: string): Promise<ChangeCause> {
  const { rows } = await pool.query<{ cause: ChangeCause }>(
    'select cause from refreshes where project_id = $1 order by catalog_revision desc limit 1',
    [projectId],
  );
  return rows[0]?.cause ?? 'stripe';
}

type CausedDeps = RefreshDeps & { cause: ChangeCause };

interface Progress {
  refreshed: number;
  /** The size of the largest batch that succeeded. */
  largest: number;
  timedOut: boolean;
}

/**
 * Refreshes the users in one transaction. If that fails, halves the batch repeatedly, down to the individual
 * users that fail.
 */
async function refreshByHalves(
  deps: CausedDeps,
  projectId: string,
  uids: bigint[],
  onTimeout: RefreshOptions['onTimeout'],
): Promise<Progress> {
  const [first] = uids;
  if (first === undefined) return { refreshed: 0, largest: 0, timedOut: false };
  try {
    const refreshed = await refreshTogether(deps, projectId, uids);
    return { refreshed, largest: uids.length, timedOut: false };
  } catch (error) {
    // During an outage, a failure does not mean that these users cannot be computed.
    if (isUnreachable(error) || (onTimeout === 'stop' && isTimeout(error))) throw error;
    if (uids.length === 1) {
      await noteFailure(deps, projectId, first, error);
      return { refreshed: 0, largest: 0, timedOut: isTimeout(error) };
    }
    const half = Math.ceil(uids.length / 2);
    const one = await refreshByHalves(deps, projectId, uids.slice(0, half), onTimeout);
    const other = await refreshByHalves(deps, projectId, uids.slice(half), onTimeout);
    return {
      refreshed: one.refreshed + other.refreshed,
      largest: Math.max(one.largest, other.largest),
      timedOut: isTimeout(error) || one.timedOut || other.timedOut,
    };
  }
}

async function refreshTogether(
  deps: CausedDeps,
  projectId: string,
  uids: bigint[],
): Promise<number> {
  const refreshed = await deps.database.transaction(async (tx) => {
    await lockProjectShared(tx, projectId);
    const users = await lockUsers(
      tx,
      sql`uid = any(${uids}) and catalog_revision < (
        select catalog_revision from projects where id = ${projectId})`,
    );
    return refreshUsers(tx, projectId, users, deps.clock(), deps.cause);
  });
  await deps.cache.forget(refreshed);
  raiseTooManySources(deps, refreshed);
  return refreshed.length;
}

/** Raises an alarm for each user with more than `maxSources` sources. All of the sources still count. */
export function raiseTooManySources(
  { logger, metrics }: Pick<RefreshDeps, 'logger' | 'metrics'>,
  refreshed: readonly Refreshed[],
): void {
  for (const { user, hasTooManySources } of refreshed) {
    if (!hasTooManySources) continue;
    metrics.alarms.inc({ kind: 'too_many_sources' });
    logger.warn(
      { projectId: user.projectId, userId: user.userId },
      'a user has too many sources, which slows down changes and reads',
    );
  }
}

/** Records that a user's timeline could not be computed or read, and raises an alarm. */
export async function noteFailure(
  { clock, database, logger, metrics }: Omit<RefreshDeps, 'cache'>,
  projectId: string,
  uid: bigint,
  error: unknown,
): Promise<void> {
  metrics.alarms.inc({ kind: 'timeline_not_computed' });
  logger.error(
    { err: error, projectId, uid: String(uid) },
    'could not compute the timeline of a user; the stored answers stay in force',
  );
  await database.pool.query('update users set refresh_failed_at = $2 where uid = $1', [
    uid,
    new Date(clock()),
  ]);
}
