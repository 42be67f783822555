import type { Database, Tx } from '../../platform/database.ts';
import { newId } from '../../platform/ids.ts';
import { lockProjectExclusive } from '../../platform/locks.ts';
import { type RefreshDeps, refreshBehind } from './refresh-behind.ts';

export type UpdateCatalogDeps = RefreshDeps;

/** The recomputation of a project's users after a change to its catalog or policy. */
export interface RefreshState {
  id: string;
  users: number;
  status: 'done' | 'running';
}

/** The result of a catalog change, with the refresh of users that it started. */
interface CatalogUpdate<T> {
  result: T;
  refresh: RefreshState;
}

/** Maximum number of users to refresh before `updateCatalog` returns. */
const maxRefreshedNow = 1_000;

/**
 * Changes a project's catalog or policy. Refreshes up to 1,000 of the project's users before it returns. The
 * sweep refreshes the others.
 *
 * @param write runs under the project's exclusive lock, so that no timeline is computed from a partly written
 *   change.
 * @param keep stores the response for replays, as the last statement in the transaction of `write`.
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
  // Also retries users whose refresh failed, because this change may fix them.
  await refreshBehind(deps, projectId, {
    limit: maxRefreshedNow,
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

/** Marks a project's refreshes as finished if no user is left that was computed under an older catalog. */
export async function finishRefreshes(deps: UpdateCatalogDeps, projectId: string): Promise<void> {
  await deps.database.pool.query(
    `update refreshes r set finished_at = $2
     where r.project_id = $1 and r.finished_at is null and not exists (
       select from users u where u.project_id = r.project_id and u.catalog_revision < r.catalog_revision)`,
    [projectId, new Date(deps.clock())],
  );
}

/**
 * Loads the progress of a refresh, with the number of users that are still `behind`; null if the id is
 * unknown.
 *
 * @param projectId null to find a refresh of any project.
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
