import type { Clock } from '../platform/clock.ts';
import { type Database, sql, type Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { lockProjectExclusive, lockProjectShared } from '../platform/locks.ts';
import type { EntitlementCache } from './cache.ts';
import { refreshUsers } from './refresh.ts';
import { lockUsers } from './users.ts';

export interface CatalogChangeDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
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
  await refreshBehind(deps, projectId, refreshedAtOnce);
  await finishRefreshes(deps, projectId);
  const refresh = await deps.database.prisma.refresh.findUniqueOrThrow({ where: { id } });
  return {
    result,
    refresh: { id, users, status: refresh.finishedAt === null ? 'running' : 'done' },
  };
}

/** Refreshes up to `limit` users of a project that were computed under an older catalog; returns how many. */
export async function refreshBehind(
  deps: CatalogChangeDeps,
  projectId: string,
  limit: number,
): Promise<number> {
  let done = 0;
  while (done < limit) {
    const size = Math.min(batchSize, limit - done);
    const refreshed = await deps.database.transaction(async (tx) => {
      await lockProjectShared(tx, projectId);
      const { catalogRevision } = await tx.project.findUniqueOrThrow({ where: { id: projectId } });
      const users = await lockUsers(
        tx,
        sql`uid in (
          select uid from users
          where project_id = ${projectId} and catalog_revision < ${catalogRevision}
          order by catalog_revision, uid limit ${size})`,
      );
      return refreshUsers(tx, projectId, users, deps.clock());
    });
    await deps.cache.forget(refreshed);
    done += refreshed.length;
    if (refreshed.length < size) break;
  }
  return done;
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
