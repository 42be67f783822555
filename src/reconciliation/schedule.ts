import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { scheduleCron } from '../platform/cron.ts';
import { repeat } from '../platform/repeat.ts';
import { countFindingsFromZero, measureRuns, logWeeklySummary } from './measure.ts';
import { firstPhase } from './phases.ts';
import { resumeRun } from './resume-run.ts';
import type { ReconcileDeps } from './run-context.ts';
import { claimRun, createSlotRun } from './run-store.ts';

/** Interval at which an instance polls for an unclaimed run, milliseconds. */
const pollEveryMs = 2_000;

const measureEveryMs = 30_000;

/** Interval at which a waiting loop checks whether it should stop, milliseconds. */
const sliceMs = 250;

/**
 * Starts the scheduler. It creates the run for each time slot, once across all instances, and resumes new and
 * abandoned runs.
 *
 * @param schedule a cron expression in UTC; undefined to run only on demand.
 */
export function startReconciliation(
  deps: ReconcileDeps,
  schedule: string | undefined,
): { stop(): Promise<void> } {
  countFindingsFromZero(deps);
  let stopped = false;
  const holder = randomUUID();
  const isStopped = (): boolean => stopped;
  const pause = async (ms: number): Promise<void> => {
    for (let restMs = ms; restMs > 0 && !stopped; restMs -= sliceMs) {
      await sleep(Math.min(restMs, sliceMs));
    }
  };
  const onError = (error: unknown): void => {
    deps.logger.warn({ err: error }, 'a reconciliation was interrupted; it will resume');
  };
  const working = repeat(
    pollEveryMs,
    () => drainRuns({ ...deps, pause, isStopped }, holder),
    onError,
  );
  const measuring = repeat(measureEveryMs, () => measureRuns(deps), onError);
  const scheduled =
    schedule === undefined
      ? undefined
      : scheduleCron(
          schedule,
          (dueAt) => createSlotRun(deps, slotOf(dueAt), firstPhase(everything)),
          {
            logger: deps.logger,
            onError,
          },
        );
  return {
    async stop() {
      stopped = true;
      await Promise.all([scheduled?.stop(), working.stop(), measuring.stop()]);
    },
  };
}

const everything = { projectId: null, userId: null };

/** Rounds down to the minute, because the schedules of different instances are milliseconds apart. */
function slotOf(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 60_000) * 60_000);
}

/** Claims and resumes runs until no unclaimed run is left. */
export async function drainRuns(
  deps: Parameters<typeof resumeRun>[0],
  holder: string,
): Promise<void> {
  while (!deps.isStopped()) {
    const run = await claimRun(deps, holder);
    if (run === null) return;
    await resumeRun(deps, run, holder);
    await logWeeklySummary(deps, run.id);
  }
}
