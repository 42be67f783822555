import { z } from 'zod';
import type { ReconciliationRun } from '../generated/prisma/client.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { beginning, positionSchema, type RunScope } from './run-context.ts';

/*
 * Stores runs. An instance claims a run with a lease and renews it. Once the lease has expired, another
 * instance may take over the run.
 */

/** Duration of a run's lease, milliseconds. */
export const leaseMs = 60_000;

export const runStatuses = ['running', 'done', 'held', 'failed'] as const;

const progressSchema = z.object({
  phase: z.string(),
  position: positionSchema,
  pages: z.int(),
  objects: z.int(),
  unlisted: z.int(),
  /** The start of the phase, epoch milliseconds. */
  phaseStartedAt: z.number(),
  /** The value of `objects` at the start of the phase. */
  phaseObjects: z.int(),
  /** The expected number of objects in the phase; null if unknown. */
  expected: z.int().nullable(),
  /** The oldest creation time to list, epoch milliseconds; null for no limit. */
  since: z.number().nullable(),
  /** Whether an operator forced the held findings. */
  forced: z.boolean(),
  /** The run's error from before an operator forced the held findings. */
  failedBefore: z.string().nullable().default(null),
});

/** The progress of a run, from which any instance can resume it. */
export type Progress = z.infer<typeof progressSchema>;

export function progressOf(run: Pick<ReconciliationRun, 'progress'>): Progress {
  return progressSchema.parse(run.progress);
}

interface RunDeps {
  clock: Clock;
  database: Database;
}

/** Overlap of a run with the last successful one, milliseconds. Stripe may list new objects with a delay. */
const overlapMs = 7_200_000;

async function firstProgress(clock: Clock, tx: Tx, phase: string): Promise<Progress> {
  const last = await tx.reconciliationRun.findFirst({
    where: { projectId: null, userId: null, dryRun: false, status: 'done' },
    orderBy: { startedAt: 'desc' },
    select: { startedAt: true },
  });
  return {
    phase,
    position: beginning,
    pages: 0,
    objects: 0,
    unlisted: 0,
    phaseStartedAt: clock(),
    phaseObjects: 0,
    expected: null,
    since: last === null ? null : last.startedAt.getTime() - overlapMs,
    forced: false,
    failedBefore: null,
  };
}

/** Creates an on-demand run, which the next free instance claims. */
export async function createRun(
  { clock, database }: RunDeps,
  run: Omit<RunScope, 'runId'>,
  firstPhase: string,
  tx: Tx = database.prisma,
): Promise<ReconciliationRun> {
  return tx.reconciliationRun.create({
    data: {
      id: newId('rc'),
      ...run,
      status: 'running',
      progress: await firstProgress(clock, tx, firstPhase),
      startedAt: new Date(clock()),
    },
  });
}

/**
 * Creates the run for a time slot, once across all instances, unless a scheduled run is in progress.
 *
 * @returns whether this instance created it.
 */
export async function createSlotRun(
  deps: RunDeps,
  slot: Date,
  firstPhase: string,
): Promise<boolean> {
  const progress = await firstProgress(deps.clock, deps.database.prisma, firstPhase);
  const made = await deps.database.prisma.$executeRaw`
    insert into reconciliation_runs (id, dry_run, slot, status, progress, started_at)
    select ${newId('rc')}, false, ${slot}, 'running', ${JSON.stringify(progress)}::jsonb,
      ${new Date(deps.clock())}
    where not exists (
      select from reconciliation_runs where status = 'running' and slot is not null)
    on conflict (slot) do nothing`;
  return made > 0;
}

/** Claims the oldest run that no instance holds. */
export async function claimRun(
  { clock, database }: RunDeps,
  holder: string,
): Promise<ReconciliationRun | null> {
  const now = clock();
  const [claimed] = await database.prisma.$queryRaw<{ id: string }[]>`
    update reconciliation_runs r set leased_by = ${holder}, lease_until = ${new Date(now + leaseMs)}
    from (
      select id from reconciliation_runs
      where status = 'running' and (lease_until is null or lease_until <= ${new Date(now)})
      order by started_at limit 1 for update skip locked) free
    where r.id = free.id returning r.id`;
  if (claimed === undefined) return null;
  return database.prisma.reconciliationRun.findUniqueOrThrow({ where: { id: claimed.id } });
}

/**
 * Updates a run that this instance holds, and renews the lease. Returns false if another instance has taken
 * over the run.
 */
export async function saveRun(
  { clock, database }: RunDeps,
  id: string,
  holder: string,
  data: { progress?: Progress; accountId?: string },
): Promise<boolean> {
  const { count } = await database.prisma.reconciliationRun.updateMany({
    where: { id, leasedBy: holder, status: 'running' },
    data: { ...data, leaseUntil: new Date(clock() + leaseMs) },
  });
  return count > 0;
}

/** Releases a run, so that any instance can resume it. */
export async function releaseRun({ database }: RunDeps, id: string, holder: string): Promise<void> {
  await database.prisma.reconciliationRun.updateMany({
    where: { id, leasedBy: holder, status: 'running' },
    data: { leaseUntil: null, leasedBy: null },
  });
}

/** Ends a run. Pending findings become `reported`. Held findings of other runs may be settled. */
export async function endRun(
  { clock, database }: RunDeps,
  run: Pick<ReconciliationRun, 'id' | 'projectId' | 'userId' | 'dryRun' | 'startedAt'>,
  holder: string,
  end: { status: 'done' | 'held' | 'failed'; error: string | null; progress: Progress },
): Promise<void> {
  const { id, projectId, userId, dryRun } = run;
  await database.transaction(async (tx) => {
    const { count } = await tx.reconciliationRun.updateMany({
      where: { id, leasedBy: holder, status: 'running' },
      data: { ...end, finishedAt: new Date(clock()), leaseUntil: null, leasedBy: null },
    });
    if (count === 0) return;
    await tx.reconciliationFinding.updateMany({
      where: { runId: id, action: 'pending' },
      data: { action: 'reported' },
    });
    if (dryRun) return;
    const isOfAll = projectId === null && userId === null && !end.progress.forced;
    const settlesAll = isOfAll && end.status === 'done';
    await settleHeld(tx, clock(), id, settlesAll ? run.startedAt : null);
  });
}

/**
 * Settles held findings of other runs that are about the same objects as this run's fixed and settled
 * findings.
 *
 * @param startedAt if not null, all held findings of runs that started earlier are settled too: this run has
 *   compared everything since, and held nothing.
 */
async function settleHeld(tx: Tx, now: number, id: string, startedAt: Date | null): Promise<void> {
  await tx.$executeRaw`
    update reconciliation_findings f set action = 'settled', resolved_at = ${new Date(now)}
    from reconciliation_runs r
    where r.id = f.run_id and r.status = 'held' and f.action = 'held' and f.run_id <> ${id}
      and (r.started_at < ${startedAt}::timestamptz or exists (
        select from reconciliation_findings by
        where by.run_id = ${id} and by.object_type = f.object_type and by.object_id = f.object_id
          and by.action in ('fixed', 'settled')))`;
  await tx.$executeRaw`
    update reconciliation_runs r
    set status = case when error is null then 'done' else 'failed' end
    where status = 'held' and id <> ${id} and not exists (
      select from reconciliation_findings f where f.run_id = r.id and f.action = 'held')`;
}
