import { findingTypes } from '../projects/finding-types.ts';
import type { FindingAction } from './core/classify-finding.ts';
import type { ReconcileDeps } from './run-context.ts';

const weekMs = 7 * 86_400_000;

type MeasureDeps = Pick<ReconcileDeps, 'clock' | 'database' | 'metrics'>;

/** The actions that a new finding may have. */
const initialActions = ['fixed', 'reported', 'pending', 'open'] as const satisfies FindingAction[];

/** Initializes the counters to 0, because Prometheus does not see an increase from a missing value. */
export function countFindingsFromZero({ metrics }: Pick<MeasureDeps, 'metrics'>): void {
  for (const type of findingTypes) {
    for (const action of initialActions) metrics.reconciliationFindings.inc({ type, action }, 0);
  }
}

/** Sets the gauges: when the last full comparison ended and how long it took, and the number of held runs. */
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

/** Logs a summary of the last seven days, at most once a week across all instances. */
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
    'reconciliation findings from the last seven days',
  );
}
