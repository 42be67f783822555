import type { ProjectScope } from '../auth/project-access.ts';
import { createBatches } from '../platform/batches.ts';
import type { Database } from '../platform/database.ts';
import { computeFlow, computeStanding, type Flow, type Standing } from './core/figures.ts';
import type { ReportWindow } from './core/movement.ts';
import { type Access, loadAccess } from './load-access.ts';
import { loadPaymentCounts, loadRevenue } from './load-money.ts';
import { loadUsageSums } from './usage-sums.ts';
import { loadPrices, loadSubscriptions, loadSubscriptionSpans } from './load-subscriptions.ts';

/** The current state of a project. */
export type ProjectStanding = Standing & Access;

interface ReportRequest {
  scope: ProjectScope;
  window: ReportWindow;
  /** The instant for which the state is loaded. */
  now: number;
}

/** The parts of a project's report. */
interface Figures {
  standing: ProjectStanding;
  flow: Flow;
}

/**
 * Creates a report loader with limited concurrency. A report may take seconds, and many at once would exhaust
 * the connections that entitlement reads need. Excess reports wait and start round-robin by project.
 *
 * @returns a function that loads reports for every project in scope, ordered by project id. It throws with
 *   the code `ETIMEDOUT` if a report does not start in time.
 */
export function createReports(
  database: Database,
): (request: ReportRequest) => Promise<ReadonlyMap<string, Figures>> {
  return createBatches({
    load: (requests: ReportRequest[]) =>
      Promise.all(requests.map((request) => loadFigures(database, request))),
    maxSize: 1,
    tenantOf: ({ scope }) => scope ?? '',
    limit: { maxRunning: 2, maxWaitMs: 10_000 },
  });
}

async function loadFigures(
  database: Database,
  { scope, window, now }: ReportRequest,
): Promise<Map<string, Figures>> {
  const flows = await loadFlows(database, scope, window);
  const standings = await loadProjectStandings(database, scope, now);
  // A project that was created between the two queries is omitted.
  return new Map(
    [...flows].flatMap(([projectId, flow]) => {
      const standing = standings.get(projectId);
      return standing === undefined ? [] : [[projectId, { standing, flow }]];
    }),
  );
}

/**
 * Loads the changes in a window for every project in scope, ordered by project id. Queries run one after
 * another, so that a report uses only one connection.
 */
export async function loadFlows(
  database: Database,
  scope: ProjectScope,
  window: ReportWindow,
): Promise<Map<string, Flow>> {
  const projectIds = await loadProjectIds(database, scope);
  const spans = await loadSubscriptionSpans(database, scope, window);
  const sums = await loadRevenue(database, scope, window);
  const payments = await loadPaymentCounts(database, scope, window);
  const usage = await loadUsageSums(database, scope, window);
  return new Map(
    projectIds.map((projectId) => [
      projectId,
      computeFlow(
        {
          spans: spans.get(projectId) ?? [],
          sums: sums.get(projectId) ?? [],
          payments: payments.get(projectId) ?? { failed: 0, recovered: 0 },
          usage: usage.get(projectId) ?? new Map(),
        },
        window,
      ),
    ]),
  );
}

/** Loads the current state of subscriptions for every project in scope. */
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

/** Loads the current state, including access, for every project in scope. */
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
