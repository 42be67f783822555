import type { ReconciliationRun } from '../generated/prisma/client.ts';
import { isUnreachable } from '../platform/database.ts';
import { loadQueueState } from '../webhook/queue-state.ts';
import { checkAccount } from './account.ts';
import { phasesOf } from './phases.ts';
import { withRetries } from './retry.ts';
import { beginning, type ReconcileDeps, type RunContext, RunFailed } from './run-context.ts';
import { endRun, leaseMs, type Progress, progressOf, releaseRun, saveRun } from './run-store.ts';

export interface RunDeps extends ReconcileDeps {
  pause: (ms: number) => Promise<void>;
  /** Returns whether the process is stopping. If so, the run is released. */
  isStopped: () => boolean;
}

/**
 * Webhooks take precedence: while this many objects are enqueued, the next page is delayed by `ms`, at most
 * `times` times.
 */
const yieldTo = { enqueued: 50, ms: 500, times: 20 };

/** Thrown if another instance has taken over the run, or this one is stopping. */
class RunInterrupted extends Error {}

/**
 * Resumes a claimed run at its last position and continues to the end. A failure is recorded in the run. An
 * interrupted run is released.
 */
export async function resumeRun(
  deps: RunDeps,
  run: ReconciliationRun,
  holder: string,
): Promise<void> {
  const progress = progressOf(run);
  try {
    const error = (await compareAll(deps, run, holder, progress)) ?? progress.failedBefore;
    await end(deps, run, holder, progress, error);
  } catch (error) {
    if (error instanceof RunInterrupted) {
      await releaseRun(deps, run.id, holder);
      return;
    }
    // The database is unreachable, so the failure cannot be recorded there: the lease expires and the run is
    // resumed.
    if (isUnreachable(error)) throw error;
    deps.metrics.alarms.inc({ kind: 'reconciliation_failed' });
    deps.logger.error({ err: error, run: run.id }, 'a reconciliation failed');
    const reason = error instanceof RunFailed ? error.message : 'internal_error: see the log';
    await end(deps, run, holder, progress, reason);
  }
}

/** Ends a run. Held findings wait for an operator, even if another part of the run failed. */
async function end(
  deps: RunDeps,
  run: ReconciliationRun,
  holder: string,
  progress: Progress,
  error: string | null,
): Promise<void> {
  const held = await deps.database.prisma.reconciliationFinding.count({
    where: { runId: run.id, action: 'held' },
  });
  const status = held > 0 ? 'held' : error === null ? 'done' : 'failed';
  await endRun(deps, run, holder, { status, error, progress });
}

/**
 * Compares everything in the run's scope.
 *
 * @returns the error if lists were incomplete; null if everything was compared.
 */
async function compareAll(
  deps: RunDeps,
  run: ReconciliationRun,
  holder: string,
  progress: Progress,
): Promise<string | null> {
  const context = contextOf(deps, run, holder, progress);
  const pause = async (ms: number): Promise<void> => {
    await context.beat();
    await deps.pause(ms);
  };
  const accountId = await withRetries(pause, () => checkAccount(deps));
  if (accountId !== null) await saveRun(deps, run.id, holder, { accountId });
  const phases = phasesOf(run, progress.forced);
  const reached = phases.findIndex(({ name }) => name === progress.phase);
  for (const phase of phases.slice(Math.max(0, reached))) {
    if (phase.name !== progress.phase || progress.expected === null) {
      await enter(context, progress, phase);
      await save(deps, run.id, holder, progress);
    }
    for (;;) {
      await context.beat();
      await yieldToWebhooks(deps, pause);
      const next = await withRetries(pause, () => {
        // Resets the counts, so that a repeated step is not counted twice.
        Object.assign(context.counts, countsOf(progress));
        return phase.step(context, progress.position);
      });
      Object.assign(progress, context.counts);
      if (next === null) break;
      progress.position = next;
      await save(deps, run.id, holder, progress);
    }
  }
  const { unlisted } = context.counts;
  return unlisted === 0
    ? null
    : `list_incomplete: ${unlisted} objects that Stripe knows were missing from its lists`;
}

async function enter(
  context: RunContext,
  progress: Progress,
  phase: ReturnType<typeof phasesOf>[number],
): Promise<void> {
  if (phase.name !== progress.phase) progress.position = beginning;
  progress.phase = phase.name;
  progress.phaseStartedAt = context.deps.clock();
  progress.phaseObjects = context.counts.objects;
  progress.expected = (await phase.expect?.(context)) ?? null;
}

function contextOf(
  deps: RunDeps,
  run: ReconciliationRun,
  holder: string,
  progress: Progress,
): RunContext {
  let renewedAt = deps.monotonic();
  return {
    deps,
    scope: {
      runId: run.id,
      projectId: run.projectId,
      userId: run.userId,
      dryRun: run.dryRun,
    },
    since: progress.since,
    counts: countsOf(progress),
    async beat() {
      if (deps.isStopped()) throw new RunInterrupted();
      if (deps.monotonic() - renewedAt < leaseMs / 6) return;
      renewedAt = deps.monotonic();
      if (!(await saveRun(deps, run.id, holder, {}))) throw new RunInterrupted();
    },
  };
}

function countsOf({ pages, objects, unlisted }: Progress): RunContext['counts'] {
  return { pages, objects, unlisted };
}

async function save(deps: RunDeps, id: string, holder: string, progress: Progress): Promise<void> {
  if (!(await saveRun(deps, id, holder, { progress }))) throw new RunInterrupted();
}

async function yieldToWebhooks(
  { database }: RunDeps,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  for (let times = 0; times < yieldTo.times; times += 1) {
    const { wanted: enqueued } = await loadQueueState(database);
    if (enqueued < yieldTo.enqueued) return;
    await pause(yieldTo.ms);
  }
}
