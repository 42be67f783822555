import { type AuditRecord, recordAudit } from '../audit/record.ts';
import { projectIdRequired } from '../auth/project-access.ts';
import type { ReconciliationFinding, ReconciliationRun } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound, userNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { firstPhase } from './phases.ts';
import { createRun, progressOf } from './run-store.ts';
import type { FindingCounts } from './schemas.ts';

interface RequestDeps {
  clock: Clock;
  database: Database;
}

/** The response to a request that starts a run. */
export interface StartedRun {
  id: string;
  status: 'running';
}

/** The actor and the request that started a run. */
type Requester = Pick<AuditRecord, 'actor' | 'requestId'>;

/**
 * Starts a run on demand, for a user, a project or everything.
 *
 * @throws ProblemError project_id_required, user_not_found.
 */
export async function startRun(
  deps: RequestDeps,
  requester: Requester,
  asked: { projectId: string | null; userId: string | null; dryRun: boolean },
  keep: KeepAnswer<StartedRun>,
): Promise<StartedRun> {
  const { projectId, userId, dryRun } = asked;
  if (userId !== null) {
    if (projectId === null) throw projectIdRequired();
    const user = await deps.database.prisma.user.findUnique({
      where: { projectId_userId: { projectId, userId } },
      select: { uid: true },
    });
    if (user === null) throw userNotFound();
  }
  return deps.database.transaction(async (tx) => {
    const { id } = await createRun(deps, asked, firstPhase(asked), tx);
    await recordAudit(tx, {
      ...requester,
      projectId,
      ...(userId === null ? {} : { userId }),
      action: 'reconciliation.start',
      targetType: 'reconciliation',
      targetId: id,
      after: { dry_run: dryRun },
      at: deps.clock(),
    });
    const started = { id, status: 'running' } as const;
    await keep(tx, started);
    return started;
  });
}

/**
 * Loads a run of a project, or of any project if `projectId` is null.
 *
 * @throws ProblemError reconciliation_not_found.
 */
export async function loadRun(
  database: Database,
  projectId: string | null,
  id: string,
): Promise<ReconciliationRun> {
  const run = await database.prisma.reconciliationRun.findFirst({
    where: { id, ...(projectId === null ? {} : { projectId }) },
  });
  if (run === null) throw notFound('reconciliation_not_found', 'id', id);
  return run;
}

/** Loads runs, latest first. */
export function loadRuns(
  database: Database,
  projectId: string | null,
  { before, take }: { before: RunCursor | undefined; take: number },
): Promise<ReconciliationRun[]> {
  return database.prisma.reconciliationRun.findMany({
    where: {
      ...(projectId === null ? {} : { projectId }),
      ...(before === undefined
        ? {}
        : {
            OR: [
              { startedAt: { lt: before.startedAt } },
              { startedAt: before.startedAt, id: { lt: before.id } },
            ],
          }),
    },
    orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
    take,
  });
}

/** The position of a run in the list. */
export interface RunCursor {
  startedAt: Date;
  id: string;
}

/** Loads the findings of a run in the order in which they were recorded. */
export function loadFindings(
  database: Database,
  runId: string,
  filter: { type: string | undefined; action: string | undefined },
  { after, take }: { after: bigint | undefined; take: number },
): Promise<ReconciliationFinding[]> {
  const { type, action } = filter;
  return database.prisma.reconciliationFinding.findMany({
    where: {
      runId,
      ...(type === undefined ? {} : { type }),
      ...(action === undefined ? {} : { action }),
      id: { gt: after ?? 0n },
    },
    orderBy: { id: 'asc' },
    take,
  });
}

/** Loads the number of findings for each of these runs. */
export async function countFindings(
  database: Database,
  runIds: string[],
): Promise<(runId: string) => FindingCounts> {
  const groups = await database.prisma.reconciliationFinding.groupBy({
    by: ['runId', 'type', 'action'],
    where: { runId: { in: runIds } },
    _count: true,
  });
  return (runId) => {
    const counts: FindingCounts = { byType: {}, byAction: {} };
    for (const group of groups) {
      if (group.runId !== runId) continue;
      counts.byType[group.type] = (counts.byType[group.type] ?? 0) + group._count;
      counts.byAction[group.action] = (counts.byAction[group.action] ?? 0) + group._count;
    }
    return counts;
  };
}

/**
 * Resumes a held run, which then applies only its held findings. Each is checked again first.
 *
 * @throws ProblemError reconciliation_not_found, reconciliation_not_held.
 */
export async function forceRun(
  deps: RequestDeps,
  requester: Requester,
  { projectId, id, reason }: { projectId: string | null; id: string; reason: string | undefined },
  keep: KeepAnswer<StartedRun>,
): Promise<StartedRun> {
  const run = await loadRun(deps.database, projectId, id);
  const former = progressOf(run);
  const forced = {
    ...former,
    phase: firstPhase(run, true),
    expected: null,
    forced: true,
    failedBefore: former.forced ? former.failedBefore : run.error,
  };
  return deps.database.transaction(async (tx) => {
    const { count } = await tx.reconciliationRun.updateMany({
      where: { id, status: 'held' },
      data: { status: 'running', progress: forced, leaseUntil: null, finishedAt: null },
    });
    if (count === 0) {
      throw new ProblemError(
        'reconciliation_not_held',
        'Only a reconciliation whose `status` is `held` can be forced.',
      );
    }
    await recordAudit(tx, {
      ...requester,
      projectId: run.projectId,
      action: 'reconciliation.force',
      targetType: 'reconciliation',
      targetId: id,
      ...(reason === undefined ? {} : { reason }),
      at: deps.clock(),
    });
    const started = { id, status: 'running' } as const;
    await keep(tx, started);
    return started;
  });
}
