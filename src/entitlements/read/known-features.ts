import type { Database } from '../../platform/database.ts';

export interface KnownFeatures {
  /** Returns whether the project has the feature, archived ones included. */
  has(projectId: string, featureCode: string): Promise<boolean>;
}

/**
 * Caches which features exist. Features are archived and never deleted, so an existing feature stays known. A
 * missing feature is queried each time, since it may have been created in the meantime.
 */
export function createKnownFeatures(database: Database): KnownFeatures {
  const known = new Set<string>();
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
  };
}
