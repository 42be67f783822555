import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { repeat } from '../../platform/repeat.ts';
import type { EntitlementCache } from '../read/cache.ts';
import { failedForMs, refreshBehind } from './refresh-behind.ts';
import { finishRefreshes } from './update-catalog.ts';

export interface SweepDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
  logger: Logger;
  metrics: Metrics;
}

const sweepEveryMs = 1_000;

/**
 * A change normally invalidates the cache within moments. A change pending for longer was left by a crash or
 * an outage of Redis.
 */
const pendingForMs = 2_000;

/**
 * Invalidates the cache for pending changes, oldest first. Returns the number of users tried.
 *
 * @param sinceMs selects changes that have been pending for at least this long, milliseconds.
 */
export async function sweepPendingCache(
  deps: Omit<SweepDeps, 'logger'>,
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
 * Refreshes users that were computed under an older catalog or policy. Returns their number.
 *
 * @param isStopped checked between two projects.
 */
export async function sweepBehindCatalog(
  deps: SweepDeps,
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
      // A project that fails must not hold up the others.
      deps.logger.warn({ err: error, projectId: id }, 'could not refresh the users of a project');
    }
  }
  deps.metrics.sweeps.inc({ kind: 'behind_catalog' }, refreshed);
  return refreshed;
}

/** Finds unfinished work periodically, so that no crash can lose it. */
export function startSweeps(deps: SweepDeps): { stop(): Promise<void> } {
  let stopped = false;
  const onError = (error: unknown): void => {
    deps.logger.warn({ err: error }, 'a sweep failed; the next one retries');
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
