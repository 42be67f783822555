import { hash } from 'node:crypto';
import { featureCodeSchema } from '../../http/schemas.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import { createRefreshedValues } from '../../platform/refreshed-values.ts';
import type { FeatureType } from '../core/facts.ts';

/** The features of a project, including archived ones. */
export interface FeatureList {
  /** Maps feature codes to types, ordered by code. */
  types: ReadonlyMap<string, FeatureType>;
  /** A version string. Lists with different features have different versions. */
  version: string;
}

export interface KnownFeatures {
  /** Returns whether the project has the feature. Archived features are included. */
  has(projectId: string, featureCode: string): Promise<boolean>;
  /**
   * Returns the type of a feature, including archived ones; undefined if the project has no feature with this
   * code. The code may be any text.
   */
  typeOf(projectId: string, featureCode: string): Promise<FeatureType | undefined>;
  /**
   * Returns all features of the project, at most `freshMs` old. While Postgres does not respond, an older
   * list is returned.
   *
   * @param known features that the project has. A list without them is outdated, however recent.
   */
  list(projectId: string, known?: Iterable<string>): Promise<FeatureList>;
}

/** Maximum age of a project's feature list, milliseconds. */
const freshMs = 5_000;

/** Caches which features exist. */
export function createKnownFeatures({
  database,
  monotonic,
}: {
  database: Database;
  monotonic: Clock;
}): KnownFeatures {
  const lists = createRefreshedValues({
    load: (projectId) => loadFeatureList(database, projectId),
    freshMs,
    monotonic,
  });

  async function typeOf(projectId: string, featureCode: string): Promise<FeatureType | undefined> {
    const { types } = await lists.get(projectId);
    const known = types.get(featureCode);
    if (known !== undefined || !featureCodeSchema.safeParse(featureCode).success) return known;
    // The feature may have been created after the list was loaded.
    return loadType(database, projectId, featureCode);
  }

  return {
    async has(projectId, featureCode) {
      // Features are archived and never deleted, so a known feature stays known.
      if (lists.last(projectId)?.types.has(featureCode) === true) return true;
      return (await typeOf(projectId, featureCode)) !== undefined;
    },
    typeOf,
    async list(projectId, known = []) {
      const list = await lists.get(projectId);
      const isComplete = [...known].every((code) => list.types.has(code));
      return isComplete ? list : lists.reload(projectId);
    },
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
