import { hash } from 'node:crypto';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import type { FeatureType } from '../core/facts.ts';

/** The features of a project, archived ones included. */
export interface FeatureList {
  /** Maps feature codes to types, ordered by code. */
  types: ReadonlyMap<string, FeatureType>;
  /** A version string that differs between different lists. */
  version: string;
}

export interface KnownFeatures {
  /** Returns whether the project has the feature. Archived features are included. */
  has(projectId: string, featureCode: string): Promise<boolean>;
  /**
   * Returns the type of a feature, including archived ones; undefined if the project has no feature with this
   * code.
   */
  typeOf(projectId: string, featureCode: string): Promise<FeatureType | undefined>;
  /**
   * Returns all features of the project, at most `freshMs` old. While Postgres cannot be reached, an older
   * list is returned.
   */
  list(projectId: string): Promise<FeatureList>;
}

/** Maximum age of a project's feature list, milliseconds. */
const freshMs = 5_000;

interface Entry {
  list: FeatureList;
  loadedAt: number;
}

/**
 * Caches which features exist. Features are archived and never deleted, so a known feature stays known. A
 * feature that is not known is queried every time, because it may have been created in the meantime.
 */
export function createKnownFeatures({
  database,
  monotonic,
}: {
  database: Database;
  monotonic: Clock;
}): KnownFeatures {
  const known = new Set<string>();
  const lists = new Map<string, Entry>();
  const loading = new Map<string, Promise<FeatureList>>();

  function reload(projectId: string): Promise<FeatureList> {
    const running = loading.get(projectId);
    if (running !== undefined) return running;
    const loadedAt = monotonic();
    const load = loadFeatureList(database, projectId)
      .then((list) => {
        lists.set(projectId, { list, loadedAt });
        return list;
      })
      .finally(() => loading.delete(projectId));
    loading.set(projectId, load);
    return load;
  }

  async function list(projectId: string): Promise<FeatureList> {
    const entry = lists.get(projectId);
    if (entry === undefined) return reload(projectId);
    if (monotonic() - entry.loadedAt < freshMs) return entry.list;
    return reload(projectId).catch(() => entry.list);
  }

  return {
    async has(projectId, featureCode) {
      const key = `${projectId} ${featureCode}`;
      if (known.has(key)) return true;
      const { rowCount } = await database.pool.query({
        name: 'has-feature',
        text: 'select from features where project_id = $1 and code = $2',
        values: [projectId, featureCode],
      });
      if (rowCount === 0) return false;
      known.add(key);
      return true;
    },
    async typeOf(projectId, featureCode) {
      const known = (await list(projectId)).types.get(featureCode);
      // The feature may have been created after the list was loaded.
      return known ?? loadType(database, projectId, featureCode);
    },
    list,
  };
}

async function loadFeatureList(database: Database, projectId: string): Promise<FeatureList> {
  const { rows } = await database.pool.query<{ code: string; type: FeatureType }>({
    name: 'list-features',
    text: 'select code, type from features where project_id = $1 order by code collate "C"',
    values: [projectId],
  });
  const types = new Map(rows.map(({ code, type }) => [code, type]));
  const version = hash('sha256', JSON.stringify([...types])).slice(0, 10);
  return { types, version };
}

async function loadType(
  database: Database,
  projectId: string,
  featureCode: string,
): Promise<FeatureType | undefined> {
  const { rows } = await database.pool.query<{ type: FeatureType }>({
    name: 'feature-type',
    text: 'select type from features where project_id = $1 and code = $2',
    values: [projectId, featureCode],
  });
  return rows[0]?.type;
}
