import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { createRefreshedValues } from '../platform/refreshed-values.ts';

/**
 * Maximum age of the cached origins, milliseconds. A change takes effect on every instance within this time.
 */
const freshMs = 5_000;

/** Maximum age while Postgres cannot be reached, milliseconds. The same as for known API keys. */
const staleMs = 60_000;

/** The origins of all projects' pages (`redirect_origins`). */
export interface ProjectOrigins {
  /** Returns the origins of a project; null if the project does not exist. */
  of(projectId: string): Promise<ReadonlySet<string> | null>;
  /** Returns whether the origin belongs to any project. */
  has(origin: string): Promise<boolean>;
}

interface Snapshot {
  byProject: ReadonlyMap<string, ReadonlySet<string>>;
  all: ReadonlySet<string>;
}

/**
 * Creates the cache of origins. They are loaded for all projects together, so that preflights, which need no
 * key, cost no queries of their own.
 */
export function createProjectOrigins({
  database,
  monotonic,
}: {
  database: Database;
  monotonic: Clock;
}): ProjectOrigins {
  const load = () => loadOrigins(database);
  const snapshots = createRefreshedValues({ load, freshMs, staleMs, monotonic });
  const key = 'all projects';

  return {
    async of(projectId) {
      const known = (await snapshots.get(key)).byProject.get(projectId);
      // The project may have been created after the origins were loaded.
      return known ?? (await snapshots.reload(key)).byProject.get(projectId) ?? null;
    },
    async has(origin) {
      return (await snapshots.get(key)).all.has(origin);
    },
  };
}

async function loadOrigins(database: Database): Promise<Snapshot> {
  const { rows } = await database.reservedPool.query<{ id: string; redirect_origins: string[] }>({
    name: 'load-origins',
    text: 'select id, redirect_origins from projects',
  });
  return {
    byProject: new Map(rows.map(({ id, redirect_origins: origins }) => [id, new Set(origins)])),
    all: new Set(rows.flatMap(({ redirect_origins: origins }) => origins)),
  };
}
