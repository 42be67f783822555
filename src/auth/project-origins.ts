import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { withTimeout } from '../platform/with-timeout.ts';

/**
 * Maximum age of the cached origins, milliseconds. A change takes effect on every instance within this time.
 */
const freshMs = 5_000;

/** Maximum age while Postgres cannot be reached, milliseconds. The same as for known API keys. */
const staleMs = 60_000;

/** Time-out for reloading while older origins are known, milliseconds. */
const waitMs = 500;

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
  loadedAt: number;
}

/**
 * Creates the cache of origins. They are loaded for all projects together, at most once per `freshMs`, so
 * that preflights, which need no key, cost no queries of their own.
 */
export function createProjectOrigins({
  database,
  monotonic,
}: {
  database: Database;
  monotonic: Clock;
}): ProjectOrigins {
  let last: Snapshot | undefined;
  let loading: Promise<Snapshot> | undefined;

  function load(): Promise<Snapshot> {
    const loadedAt = monotonic();
    loading ??= loadOrigins(database)
      .then((byProject) => {
        const all = new Set([...byProject.values()].flatMap((origins) => [...origins]));
        last = { byProject, all, loadedAt };
        return last;
      })
      .finally(() => {
        loading = undefined;
      });
    return loading;
  }

  async function current(): Promise<Snapshot> {
    if (last === undefined) return load();
    const known = last;
    const age = monotonic() - known.loadedAt;
    if (age < freshMs) return known;
    if (age >= staleMs) return load();
    return withTimeout(waitMs, load()).catch(() => known);
  }

  return {
    async of(projectId) {
      const known = (await current()).byProject.get(projectId);
      // The project may have been created after the origins were loaded.
      return known ?? (await load()).byProject.get(projectId) ?? null;
    },
    async has(origin) {
      return (await current()).all.has(origin);
    },
  };
}

async function loadOrigins(database: Database): Promise<Map<string, Set<string>>> {
  const { rows } = await database.reservedPool.query<{ id: string; redirect_origins: string[] }>({
    name: 'load-origins',
    text: 'select id, redirect_origins from projects',
  });
  return new Map(rows.map(({ id, redirect_origins: origins }) => [id, new Set(origins)]));
}
