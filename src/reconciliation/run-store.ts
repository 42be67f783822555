import { z } from 'zod';
import type { ReconciliationRun } from '../generated/prisma/client.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { beginning } from './run-context.ts';

/*
 * Runs as rows. A run is claimed by a lease; whoever holds it says so again and again, and another
 * instance takes over where it no longer does.
 */

/** Without word for so long a run is another instance's to go on with, milliseconds. */
export const leaseMs = 60_000;

export const runStatuses = ['running', 'done', 'held', 'failed'] as const;

const positionSchema = z.object({
  part: z.int(),
  after: z.string().nullable(),
  before: z.number().nullable(),
  tied: z.array(z.string()),
  tiedSince: z.string().nullable().default(null),
});

const progressSchema = z.object({
  phase: z.string(),
  position: positionSchema,
  pages: z.int(),
  objects: z.int(),
  unlisted: z.int(),
  /** Of this phase: since when (epoch milliseconds), how many objects then, how many are expected. */
  phaseStartedAt: z.number(),
  phaseObjects: z.int(),
  expected: z.int().nullable(),
  /** From when on what is listed by its creation is compared, epoch milliseconds; null = all. */
  since: z.number().nullable(),
  /** The findings held are to be applied, as an operator said. */
  forced: z.boolean(),
  /** What the comparison had not been able to do when an operator forced what it held. */
  failedBefore: z.string().nullable().default(null),
});

/** Where a run stands; enough to go on from there on another instance. */
export type Progress = z.infer<typeof progressSchema>;

export function progressOf(run: Pick<ReconciliationRun, 'progress'>): Progress {
  return progressSchema.parse(run.progress);
}

interface RunDeps {
  clock: Clock;
  database: Database;
}

interface NewRun {
  projectId: string | null;
  userId: string | null;
  dryRun: boolean;
}

/** How far before the last success the next run begins: what Stripe lists late is not missed. */
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

/** A run on demand, in the transaction `tx` where there is one; the next free instance takes it. */
export async function createRun(
  { clock, database }: RunDeps,
  run: NewRun,
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
 * The run of a time slot, which one of all instances makes; none while one of everything is under way.
 *
 * @returns whether this instance made it.
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

/** Takes the oldest run that nobody works on. */
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

/** Writes to a run that this instance holds, and renews the lease; false where it is another's by now. */
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

/** Gives a run back, for any instance to go on with. */
export async function releaseRun({ database }: RunDeps, id: string, holder: string): Promise<void> {
  await database.prisma.reconciliationRun.updateMany({
    where: { id, leasedBy: holder, status: 'running' },
    data: { leaseUntil: null, leasedBy: null },
  });
}

/** Ends a run. What was still undecided is only reported; what others hold may be settled by it. */
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
 * Nobody has to decide any more what another run holds, where this one has brought the same object in
 * order, or compared everything since and had nothing to hold.
 *
 * @param startedAt of a run that had nothing to hold; null: only the objects count.
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
