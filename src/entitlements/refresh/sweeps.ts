import { repeat } from '../../platform/repeat.ts';
import { failedForMs, type RefreshDeps, refreshBehind } from './refresh-behind.ts';
import { finishRefreshes } from './update-catalog.ts';

const sweepEveryMs = 1_000;

/**
 * Age at which a pending change is assumed lost, milliseconds: its process crashed or could not reach Redis.
 */
const pendingForMs = 2_000;

/**
 * Invalidates the cache for pending changes, oldest first.
 *
 * @param sinceMs the minimum age of the changes, milliseconds.
 * @returns the number of users that had such changes.
 */
export async function sweepPendingCache(
  deps: Omit<RefreshDeps, 'logger'>,
  sinceMs = pendingForMs,
): Promise<number> {
  const { rows } = await deps.database.pool.query<{
    uid: string;
    project_id: string;
    user_id: string;
    revision: string;
  }>(
    `select uid, project_id, user_id, revision from users
     where cache_pending_at <= $1 order by cache_pending_at limit 500`,
    [new Date(deps.clock() - sinceMs)],
  );
  await deps.cache.forget(
    rows.map((row) => ({
      user: { uid: BigInt(row.uid), projectId: row.project_id, userId: row.user_id },
      revision: Number(row.revision),
      cachePending: true,
    })),
  );
  deps.metrics.sweeps.inc({ kind: 'cache_pending' }, rows.length);
  return rows.length;
}

/**
 * Refreshes users that were computed under an older catalog or policy.
 *
 * @param isStopped called before each project; if it returns true, the sweep ends.
 * @returns the number of refreshed users.
 */
export async function sweepBehindCatalog(
  deps: RefreshDeps,
  isStopped: () => boolean = () => false,
): Promise<number> {
  const { rows } = await deps.database.pool.query<{ id: string }>(
    `select p.id from projects p
     where exists (select from users u where u.project_id = p.id and u.catalog_revision < p.catalog_revision)
        or exists (select from refreshes r where r.project_id = p.id and r.finished_at is null)`,
  );
  let refreshed = 0;
  for (const { id } of rows) {
    if (isStopped()) break;
    try {
      refreshed += await refreshBehind(deps, id, {
        limit: 1_000,
        failedBefore: deps.clock() - failedForMs,
        onTimeout: 'halve',
      });
      await finishRefreshes(deps, id);
    } catch (error) {
      // A failure in one project must not delay the others.
      deps.logger.warn({ err: error, projectId: id }, 'could not refresh the users of a project');
    }
  }
  deps.metrics.sweeps.inc({ kind: 'behind_catalog' }, refreshed);
  return refreshed;
}

/** Starts the periodic sweeps, which finish the work that a crash interrupted. */
export function startSweeps(deps: RefreshDeps): { stop(): Promise<void> } {
  let stopped = false;
  const onError = (error: unknown): void => {
    deps.logger.warn({ err: error }, 'a sweep failed; the next one will retry');
  };
  const pending = repeat(sweepEveryMs, () => sweepPendingCache(deps), onError);
  const behind = repeat(sweepEveryMs, () => sweepBehindCatalog(deps, () => stopped), onError);
  return {
    async stop() {
      stopped = true;
      await Promise.all([pending.stop(), behind.stop()]);
    },
  };
}
