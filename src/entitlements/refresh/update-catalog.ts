import type { Database, Tx } from '../../platform/database.ts';
import { newId } from '../../platform/ids.ts';
import { lockProjectExclusive } from '../../platform/locks.ts';
import { type RefreshDeps, refreshBehind } from './refresh-behind.ts';

export type UpdateCatalogDeps = RefreshDeps;

/** The recomputation of a project's users that a change of catalog or policy started. */
export interface RefreshState {
  id: string;
  users: number;
  status: 'done' | 'running';
}

/** The result of a catalog change, and the refresh of users that it started. */
export interface CatalogUpdate<T> {
  result: T;
  refresh: RefreshState;
}

/** Maximum number of users that are refreshed before the call that changed the catalog returns. */
const refreshedAtOnce = 1_000;

/**
 * Changes a project's catalog or policy; every change passes through here. `write` runs under the project's
 * exclusive lock, so that no timeline is computed from half a change. Refreshes up to 1,000 affected users
 * before it returns; the sweep refreshes the rest.
 *
 * @param keep runs last in the transaction: stores the response for a replay, before any user is refreshed.
 */
export async function updateCatalog<T>(
  deps: UpdateCatalogDeps,
  projectId: string,
  cause: 'catalog' | 'policy',
  write: (tx: Tx) => Promise<T>,
  keep: (tx: Tx, change: CatalogUpdate<T>) => Promise<void> = () => Promise.resolve(),
): Promise<CatalogUpdate<T>> {
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
        cause,
        startedAt: new Date(deps.clock()),
      },
    });
    await keep(tx, { result, refresh: { id, users, status: 'running' } });
    return { result, id, users };
  });
  // Also retries users whose refresh failed before, since this change may fix it.
  await refreshBehind(deps, projectId, {
    limit: refreshedAtOnce,
    failedBefore: deps.clock(),
    onTimeout: 'stop',
  });
  await finishRefreshes(deps, projectId);
  const refresh = await deps.database.prisma.refresh.findUniqueOrThrow({ where: { id } });
  return {
    result,
    refresh: { id, users, status: refresh.finishedAt === null ? 'running' : 'done' },
  };
}

/** Marks refreshes as finished if no user is behind them. */
export async function finishRefreshes(deps: UpdateCatalogDeps, projectId: string): Promise<void> {
  await deps.database.pool.query(
    `update refreshes r set finished_at = $2
     where r.project_id = $1 and r.finished_at is null and not exists (
       select from users u where u.project_id = r.project_id and u.catalog_revision < r.catalog_revision)`,
    [projectId, new Date(deps.clock())],
  );
}

/**
 * Loads the progress of a refresh: `behind` users are still to be computed. Null = unknown refresh.
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
