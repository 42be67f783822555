import type { Database } from '../../platform/database.ts';

export interface KnownFeatures {
  /** Whether the project has such a feature, archived ones included. */
  has(projectId: string, featureCode: string): Promise<boolean>;
}

/**
 * Remembers which features exist: they are archived, never deleted, so a yes stays true. A no is asked
 * again each time, since the feature may have been made since.
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
