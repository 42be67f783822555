import { isDeepStrictEqual } from 'node:util';
import type { ProjectScope } from '../auth/project-access.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { runExclusively } from '../platform/exclusive.ts';
import type { ReportWindow } from './core/movement.ts';
import { loadFlows, loadProjectStandings, type ProjectStanding } from './report.ts';
import { type DayFigures, readDayFigures, toDayFigures, withFlow } from './schemas.ts';

/*
 * Stores one row per project and UTC day, so that charts need no scan. A day is written after it has ended.
 * State figures, such as MRR, come from the current mirror, so only yesterday's row can have them. Change
 * figures, such as churn, can be computed for any past day.
 */

const dayMs = 86_400_000;

/** Maximum number of missed days to write in one run. */
const maxDaysPerRun = 40;

/** Number of days to recompute. A dispute may be lost two or three months after it was opened. */
const revisedDays = 120;

/**
 * Writes the days that have ended and are not yet written, starting at each project's creation. Once
 * yesterday is written, recomputes the changes of earlier days. If several instances call it concurrently,
 * one does the work and the others return immediately.
 *
 * @param isStopped checked between days.
 * @returns the number of rows written, not including recomputed ones.
 */
export async function writeDailyReports(
  { database, clock }: { database: Database; clock: Clock },
  isStopped: () => boolean = () => false,
): Promise<number> {
  const written = await runExclusively(database, 'daily_reports', () =>
    writeMissing(database, clock(), isStopped),
  );
  return written ?? 0;
}

async function writeMissing(
  database: Database,
  now: number,
  isStopped: () => boolean,
): Promise<number> {
  const today = now - (now % dayMs);
  const firsts = await loadFirstMissing(database);
  const first = Math.min(...firsts.values());
  const last = Math.min(today, first + maxDaysPerRun * dayMs);
  let written = 0;
  for (let day = first; day < last && !isStopped(); day += dayMs) {
    const flows = await loadFlows(database, null, { from: day, to: day + dayMs });
    const measured = day === today - dayMs;
    const standings = measured
      ? await loadProjectStandings(database, null, now)
      : new Map<string, ProjectStanding>();
    const { count } = await database.prisma.dailyReport.createMany({
      data: [...flows].flatMap(([projectId, flow]) =>
        (firsts.get(projectId) ?? Infinity) > day
          ? []
          : [
              {
                projectId,
                day: new Date(day),
                measuredAt: measured ? new Date(now) : null,
                figures: toDayFigures(standings.get(projectId), flow),
              },
            ],
      ),
      skipDuplicates: true,
    });
    written += count;
  }
  if (written > 0 && last === today) {
    for (let day = today - revisedDays * dayMs; day < first && !isStopped(); day += dayMs) {
      await reviseDay(database, day);
    }
  }
  return written;
}

/** Recomputes the changes of a day already written. The recorded state is kept. */
async function reviseDay(database: Database, dayAt: number): Promise<void> {
  const day = new Date(dayAt);
  const { prisma } = database;
  const rows = await prisma.dailyReport.findMany({ where: { day } });
  if (rows.length === 0) return;
  const flows = await loadFlows(database, null, { from: dayAt, to: dayAt + dayMs });
  for (const { projectId, figures } of rows) {
    const flow = flows.get(projectId);
    if (flow === undefined) continue;
    const stored = readDayFigures(figures);
    const revised = withFlow(stored, flow);
    if (isDeepStrictEqual(stored, revised)) continue;
    await prisma.dailyReport.update({
      where: { projectId_day: { projectId, day } },
      data: { figures: revised },
    });
  }
}

/**
 * Loads the first unwritten day of each project: the day after the last one written or, before the first, the
 * day on which the project was created.
 */
async function loadFirstMissing(database: Database): Promise<Map<string, number>> {
  const { rows } = await database.pool.query<{ id: string; first: string }>(
    `select p.id, to_char(
       coalesce(max(d.day) + 1, (p.created_at at time zone 'UTC')::date), 'YYYY-MM-DD') as first
     from projects p left join daily_reports d on d.project_id = p.id
     group by p.id, p.created_at`,
  );
  return new Map(rows.map(({ id, first }) => [id, Date.parse(first)]));
}

export interface DayReport {
  projectId: string;
  /** The beginning of the day, epoch milliseconds. */
  dayAt: number;
  measuredAt: number | null;
  figures: DayFigures;
}

/** Loads the days that begin in the window, by day and project. */
export async function loadDays(
  database: Database,
  scope: ProjectScope,
  { from, to }: ReportWindow,
): Promise<DayReport[]> {
  const beginning = (instant: number): Date => new Date(Math.ceil(instant / dayMs) * dayMs);
  const rows = await database.prisma.dailyReport.findMany({
    where: {
      ...(scope === null ? {} : { projectId: scope }),
      day: { gte: beginning(from), lt: beginning(to) },
    },
    orderBy: [{ day: 'asc' }, { projectId: 'asc' }],
  });
  return rows.map(({ projectId, day, measuredAt, figures }) => ({
    projectId,
    dayAt: day.getTime(),
    measuredAt: measuredAt?.getTime() ?? null,
    figures: readDayFigures(figures),
  }));
}
