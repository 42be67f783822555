import type { ProjectScope } from '../auth/project-access.ts';
import { createBatches } from '../platform/batches.ts';
import type { Database } from '../platform/database.ts';
import { computeFlow, computeStanding, type Flow, type Standing } from './core/figures.ts';
import type { ReportWindow } from './core/movement.ts';
import { type Access, loadAccess } from './load-access.ts';
import { loadPaymentCounts, loadRevenue } from './load-money.ts';
import { loadLives, loadPrices, loadSubscriptions } from './load-subscriptions.ts';

/** What a project stands at: its subscriptions, and what it gives its users. */
export type ProjectStanding = Standing & Access;

/** What is asked of a report. */
interface Asked {
  scope: ProjectScope;
  window: ReportWindow;
  /** When what stands is counted. */
  now: number;
}

/** What a project's report is made of. */
interface Figures {
  standing: ProjectStanding;
  flow: Flow;
}

/**
 * Loads reports, few at a time: each may take seconds, and many at once would take every connection from
 * those who ask what their users may do. The others wait for their turn, projects in turn.
 *
 * @returns what loads one, by project, every project in scope in the order of their ids. It throws with
 *   the code `ETIMEDOUT` where the turn did not come in time.
 */
export function createReports(
  database: Database,
): (asked: Asked) => Promise<ReadonlyMap<string, Figures>> {
  return createBatches({
    load: (asked: Asked[]) => Promise.all(asked.map((each) => loadFigures(database, each))),
    maxSize: 1,
    laneOf: ({ scope }) => scope ?? '',
    limit: { maxRunning: 2, maxWaitMs: 10_000 },
  });
}

async function loadFigures(
  database: Database,
  { scope, window, now }: Asked,
): Promise<Map<string, Figures>> {
  const flows = await loadFlows(database, scope, window);
  const standings = await loadProjectStandings(database, scope, now);
  // A project that was created in between is in the next report.
  return new Map(
    [...flows].flatMap(([projectId, flow]) => {
      const standing = standings.get(projectId);
      return standing === undefined ? [] : [[projectId, { standing, flow }]];
    }),
  );
}

/**
 * What happened in projects over a window, by project; every project in scope is there, in the order of
 * their ids. One statement after the other, so that a report takes one connection from those who wait.
 */
export async function loadFlows(
  database: Database,
  scope: ProjectScope,
  window: ReportWindow,
): Promise<Map<string, Flow>> {
  const projectIds = await loadProjectIds(database, scope);
  const lives = await loadLives(database, scope, window);
  const sums = await loadRevenue(database, scope, window);
  const payments = await loadPaymentCounts(database, scope, window);
  return new Map(
    projectIds.map((projectId) => [
      projectId,
      computeFlow(
        {
          lives: lives.get(projectId) ?? [],
          sums: sums.get(projectId) ?? [],
          payments: payments.get(projectId) ?? { failed: 0, recovered: 0 },
        },
        window,
      ),
    ]),
  );
}

/** What the subscriptions of projects stand at, as the mirror has them now. Every project in scope is there. */
export async function loadStandings(
  database: Database,
  scope: ProjectScope,
  now: number,
): Promise<Map<string, Standing>> {
  const projectIds = await loadProjectIds(database, scope);
  const subscriptions = await loadSubscriptions(database, scope, now);
  const all = [...subscriptions.values()].flat();
  const priceIds = all.flatMap(({ items }) => items.map(({ priceId }) => priceId));
  const prices = await loadPrices(database, priceIds);
  return new Map(
    projectIds.map((projectId) => [
      projectId,
      computeStanding(subscriptions.get(projectId) ?? [], prices),
    ]),
  );
}

/** The same with what the projects give their users. */
export async function loadProjectStandings(
  database: Database,
  scope: ProjectScope,
  now: number,
): Promise<Map<string, ProjectStanding>> {
  const standings = await loadStandings(database, scope, now);
  const accessOf = await loadAccess(database, scope, now);
  return new Map(
    [...standings].map(([projectId, standing]) => [
      projectId,
      { ...standing, ...accessOf(projectId) },
    ]),
  );
}

async function loadProjectIds(database: Database, scope: ProjectScope): Promise<string[]> {
  const rows = await database.prisma.project.findMany({
    where: scope === null ? {} : { id: scope },
    select: { id: true },
    orderBy: { id: 'asc' },
  });
  return rows.map(({ id }) => id);
}
