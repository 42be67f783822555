import type { ProjectScope } from '../auth/project-access.ts';
import type { Database } from '../platform/database.ts';
import type { UsageSum } from './core/figures.ts';
import type { ReportWindow } from './core/movement.ts';
import { usageSumsSql, usageSumsValues } from './usage-days.ts';

/** Sums the usage in a window, by project and feature code. */
export async function loadUsageSums(
  { pool }: Database,
  projectId: ProjectScope,
  window: ReportWindow,
): Promise<Map<string, Map<string, UsageSum>>> {
  const { rows } = await pool.query<{
    project_id: string;
    feature_code: string;
    used: string;
    reversed: string;
    users: number;
  }>(
    `select project_id, feature_code, sum(used)::text as used, sum(reversed)::text as reversed,
       count(distinct uid) filter (where used > 0)::int as users
     from (${usageSumsSql}) sums
     group by project_id, feature_code`,
    usageSumsValues({ projectId, ...window }),
  );
  const byProject = Map.groupBy(rows, (row) => row.project_id);
  return new Map(
    [...byProject].map(([project, sums]) => [
      project,
      new Map(
        sums.map(({ feature_code: code, reversed, used, users }) => [
          code,
          { used: BigInt(used), reversed: BigInt(reversed), users },
        ]),
      ),
    ]),
  );
}
