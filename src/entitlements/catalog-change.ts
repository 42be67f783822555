import type { Clock } from '../platform/clock.ts';
import { type Database, isUnreachable, sql, type Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { lockProjectExclusive, lockProjectShared } from '../platform/locks.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { EntitlementCache } from './cache.ts';
import { refreshUsers } from './refresh.ts';
import { lockUsers } from './users.ts';

export interface CatalogChangeDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
  logger: Logger;
  metrics: Metrics;
}

/** The recomputation of a project's users that a change of catalog or policy set off. */
export interface RefreshState {
  id: string;
  users: number;
  status: 'done' | 'running';
}

/** How many users are refreshed before the call that changed the catalog returns. */
const refreshedAtOnce = 1_000;
const batchSize = 100;

/**
 * The one way to change a project's catalog or policy. `write` runs under the project's exclusive
 * lock, so that no timeline is computed from half a change; the catalog revision grows by one, and
 * every user that was computed under an older one is refreshed: up to 1,000 before this returns, the
 * rest by the sweep.
 */
export async function changeCatalog<T>(
  deps: CatalogChangeDeps,
  projectId: string,
  write: (tx: Tx) => Promise<T>,
): Promise<{ result: T; refresh: RefreshState }> {
  const { result, id, users } = await deps.database.transaction(async (tx) => {
    await lockProjectExclusive(tx, projectId);
    const result = await write(tx);
    const { catalogRevision } = await tx.project.update({
      where: { id: projectId },
      data: { catalogRevision: { increment: 1 } },
    });
    const users = await tx.user.count({ where: { projectId } });
    const { id } = await tx.refresh.create({
      data: {
        id: newId('rf'),
        projectId,
        catalogRevision,
        users,
        startedAt: new Date(deps.clock()),
      },
    });
    return { result, id, users };
  });
  // The change may be what mends those who failed before it.
  await refreshBehind(deps, projectId, refreshedAtOnce, deps.clock());
  await finishRefreshes(deps, projectId);
  const refresh = await deps.database.prisma.refresh.findUniqueOrThrow({ where: { id } });
  return {
    result,
    refresh: { id, users, status: refresh.finishedAt === null ? 'running' : 'done' },
  };
}

/**
 * Refreshes up to `limit` users of a project that were computed under an older catalog, those longest
 * behind first. One whose timeline cannot be computed holds up nobody: it raises an alarm and stays
 * behind, with what it has, until it is tried again.
 *
 * @param failedBefore epoch milliseconds: whoever failed since then is not tried.
 * @returns how many were refreshed
 */
export async function refreshBehind(
  deps: CatalogChangeDeps,
  projectId: string,
  limit: number,
  failedBefore: number,
): Promise<number> {
  let tried = 0;
  let refreshed = 0;
  while (tried < limit) {
    const size = Math.min(batchSize, limit - tried);
    const { rows } = await deps.database.pool.query<{ uid: string }>(
      `select u.uid from users u join projects p on p.id = u.project_id
       where u.project_id = $1 and u.catalog_revision < p.catalog_revision
         and (u.refresh_failed_at is null or u.refresh_failed_at < $2)
       order by u.catalog_revision, u.uid limit $3`,
      [projectId, new Date(failedBefore), size],
    );
    const uids = rows.map(({ uid }) => BigInt(uid));
    refreshed += await refreshThese(deps, projectId, uids);
    tried += uids.length;
    if (uids.length < size) break;
  }
  return refreshed;
}

/** Together where that goes, else by halves, down to those who fail; returns how many were refreshed. */
async function refreshThese(
  deps: CatalogChangeDeps,
  projectId: string,
  uids: bigint[],
): Promise<number> {
  const [first] = uids;
  if (first === undefined) return 0;
  try {
    const refreshed = await deps.database.transaction(async (tx) => {
      await lockProjectShared(tx, projectId);
      const users = await lockUsers(
        tx,
        sql`uid = any(${uids}) and catalog_revision < (
          select catalog_revision from projects where id = ${projectId})`,
      );
      return refreshUsers(tx, projectId, users, deps.clock());
    });
    await deps.cache.forget(refreshed);
    return refreshed.length;
  } catch (error) {
    // That says nothing of a user.
    if (isUnreachable(error)) throw error;
    if (uids.length === 1) {
      await noteFailure(deps, projectId, first, error);
      return 0;
    }
    const half = Math.ceil(uids.length / 2);
    return (
      (await refreshThese(deps, projectId, uids.slice(0, half))) +
      (await refreshThese(deps, projectId, uids.slice(half)))
    );
  }
}

async function noteFailure(
  { clock, database, logger, metrics }: CatalogChangeDeps,
  projectId: string,
  uid: bigint,
  error: unknown,
): Promise<void> {
  metrics.alarms.inc({ kind: 'timeline_not_computed' });
  logger.error(
    { err: error, projectId, uid: String(uid) },
    'the timeline of a user could not be computed; the answers stay as they were',
  );
  await database.pool.query('update users set refresh_failed_at = $2 where uid = $1', [
    uid,
    new Date(clock()),
  ]);
}

/** Notes which refreshes have no user left that is behind them. */
export async function finishRefreshes(deps: CatalogChangeDeps, projectId: string): Promise<void> {
  await deps.database.pool.query(
    `update refreshes r set finished_at = $2
     where r.project_id = $1 and r.finished_at is null and not exists (
       select from users u where u.project_id = r.project_id and u.catalog_revision < r.catalog_revision)`,
    [projectId, new Date(deps.clock())],
  );
}

/**
 * How far a refresh has come: `behind` users are still to be computed. Null where there is none such.
 *
 * @param projectId null = of any project.
 */
export async function loadRefresh(
  database: Database,
  projectId: string | null,
  id: string,
): Promise<(RefreshState & { behind: number }) | null> {
  const refresh = await database.prisma.refresh.findFirst({
    where: { id, ...(projectId === null ? {} : { projectId }) },
  });
  if (refresh === null) return null;
  const behind = await database.prisma.user.count({
    where: { projectId: refresh.projectId, catalogRevision: { lt: refresh.catalogRevision } },
  });
  return {
    id,
    users: refresh.users,
    status: refresh.finishedAt === null ? 'running' : 'done',
    behind,
  };
}
