import type { ProjectScope } from '../auth/project-access.ts';
import type { Database } from '../platform/database.ts';
import { groupByProject } from './by-project.ts';
import { ofProject } from './owners.ts';

/** How many users are entitled in a project at an instant, and how many grants are in force. */
export interface Access {
  /** Number of entitled users by feature code, for all features that are not archived. */
  entitledUsers: ReadonlyMap<string, number>;
  /**
   * Number of manual grants whose window covers the instant and that no operator had ended, including grants of
   * revoked features.
   */
  grantsInForce: number;
}

/** Loads the numbers of entitled users and of grants in force, by project. */
export async function loadAccess(
  database: Database,
  scope: ProjectScope,
  now: number,
): Promise<(projectId: string) => Access> {
  const entitled = await database.pool.query<{ project_id: string; code: string; users: number }>(
    // Live segments of one user and feature never overlap, so each row is a different user.
    `select f.project_id, f.code, (
       select count(*)::int from entitlement_segments s
       where s.project_id = f.project_id and s.feature_code = f.code and s.superseded_at is null
         and s.allowed and s.valid_from <= $2 and coalesce(s.valid_to, 'infinity') > $2
     ) as users
     from features f where f.archived_at is null and ${ofProject('f.project_id')}
     order by f.project_id, f.code`,
    [scope, new Date(now)],
  );
  const grants = await database.pool.query<{ project_id: string; grants: number }>(
    `select g.project_id, count(*)::int as grants from grants g
     where ${ofProject('g.project_id')} and g.valid_from <= $2
       and coalesce(least(g.valid_to, g.ended_at), 'infinity') > $2
     group by g.project_id`,
    [scope, new Date(now)],
  );
  const byFeature = groupByProject(entitled.rows, ({ code, users }) => [code, users] as const);
  const grantsByProject = new Map(grants.rows.map((row) => [row.project_id, row.grants]));
  return (projectId) => ({
    entitledUsers: new Map(byFeature.get(projectId)),
    grantsInForce: grantsByProject.get(projectId) ?? 0,
  });
}
