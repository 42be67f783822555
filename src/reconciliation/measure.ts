import { findingTypes } from '../projects/finding-types.ts';
import type { FindingAction } from './core/classify-finding.ts';
import type { ReconcileDeps } from './run-context.ts';

const weekMs = 7 * 86_400_000;

type MeasureDeps = Pick<ReconcileDeps, 'clock' | 'database' | 'metrics'>;

/** The actions that a finding may have when it is recorded. */
const actionsAtOnce = ['fixed', 'reported', 'pending', 'open'] as const satisfies FindingAction[];

/** Starts the counters at 0: Prometheus does not see an increase from nothing. */
export function countFindingsFromZero({ metrics }: Pick<MeasureDeps, 'metrics'>): void {
  for (const type of findingTypes) {
    for (const action of actionsAtOnce) metrics.reconciliationFindings.inc({ type, action }, 0);
  }
}

/**
 * Measures when everything was last compared, how long that took, and how many findings wait for an operator.
 */
export async function measureRuns({ database, metrics }: MeasureDeps): Promise<void> {
  const { reconciliationRun } = database.prisma;
  const last = await reconciliationRun.findFirst({
    where: { projectId: null, userId: null, dryRun: false, status: 'done' },
    orderBy: { startedAt: 'desc' },
    select: { startedAt: true, finishedAt: true },
  });
  const endedAt = last?.finishedAt?.getTime() ?? 0;
  metrics.reconciliationLastSuccess.set(endedAt / 1000);
  metrics.reconciliationDuration.set(
    last === null ? 0 : Math.max(0, (endedAt - last.startedAt.getTime()) / 1000),
  );
  metrics.reconciliationHeld.set(await reconciliationRun.count({ where: { status: 'held' } }));
}

/** Logs the results of the week's runs: once a week, on one instance, when a run ends. */
export async function logWeeklySummary(
  { clock, database, logger }: Pick<ReconcileDeps, 'clock' | 'database' | 'logger'>,
  runId: string,
): Promise<void> {
  const now = clock();
  const since = new Date(now - weekMs);
  const due = await database.prisma.$executeRaw`
    update reconciliation_runs set summed_up_at = ${new Date(now)}
    where id = ${runId} and status <> 'running' and not exists (
      select from reconciliation_runs where summed_up_at > ${since})`;
  if (due === 0) return;
  const runs = await database.prisma.reconciliationRun.groupBy({
    by: ['status'],
    where: { startedAt: { gt: since } },
    _count: true,
  });
  const findings = await database.prisma.reconciliationFinding.groupBy({
    by: ['type', 'action'],
    where: { createdAt: { gt: since } },
    _count: true,
  });
  logger.info(
    {
      runs: Object.fromEntries(runs.map(({ status, _count }) => [status, _count])),
      findings: Object.fromEntries(
        findings.map(({ type, action, _count }) => [`${type} ${action}`, _count]),
      ),
    },
    'reconciliation: the last seven days',
  );
}
