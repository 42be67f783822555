import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { runExclusively } from '../platform/exclusive.ts';

/*
 * Sums entries of usage by user, feature and UTC day, so that charts and reports do not read the ledger, and
 * sums remain when entries are deleted.
 */

const dayMs = 86_400_000;

/** How long after its end a day is summed, milliseconds. Transactions that began before have ended by then. */
const marginMs = 300_000;

/** Maximum wait for a lock, milliseconds. */
const lockTimeoutMs = 5_000;

/**
 * Sums the days that have ended. The last day summed before is summed again, so that an entry that was stored
 * up to a day late is counted. If several instances call it concurrently, one does the work.
 *
 * @param isStopped checked between days.
 * @returns the number of days summed for the first time.
 */
export async function sumUsageDays(
  { clock, database }: { clock: Clock; database: Database },
  isStopped: () => boolean = () => false,
): Promise<number> {
  const due = startOfDay(clock() - marginMs);
  const summed = await runExclusively(database, 'usage_days', async () => {
    const from = await loadStart(database);
    if (from === null || from >= due) return 0;
    await sumDay(database, from - dayMs);
    let days = 0;
    for (let day = from; day < due && !isStopped(); day += dayMs) {
      await sumDay(database, day);
      days += 1;
    }
    return days;
  });
  return summed ?? 0;
}

/** Loads the first day that is not summed; null if there is no usage. */
async function loadStart({ pool }: Database): Promise<number | null> {
  const { rows } = await pool.query<{ at: Date | null }>(
    `select coalesce(summed_until, (select min(at) from usage_entries)) as at from usage_retention`,
  );
  const at = rows[0]?.at ?? null;
  return at === null ? null : startOfDay(at.getTime());
}

/** Sums a day, project by project, so that a statement has few entries. Replaces earlier sums. */
async function sumDay(database: Database, dayAt: number): Promise<void> {
  const [day, next] = [new Date(dayAt), new Date(dayAt + dayMs)];
  const { rows: projects } = await database.pool.query<{ id: string }>('select id from projects');
  await database.poolTransaction(lockTimeoutMs, async (client) => {
    for (const { id } of projects) {
      await client.query(
        `insert into usage_days (uid, feature_code, day, project_id, used, reversed)
         select uid, feature_code, ($2::timestamptz at time zone 'UTC')::date, $1::text,
           ${sumsOfEntries}
         from usage_entries
         where project_id = $1 and at >= $2 and at < $3 and kind <> 'hold'
         group by uid, feature_code
         on conflict (uid, feature_code, day) do update set
           used = excluded.used, reversed = excluded.reversed
         where (usage_days.used, usage_days.reversed) <> (excluded.used, excluded.reversed)`,
        [id, day, next],
      );
    }
    await client.query(
      'update usage_retention set summed_until = greatest(summed_until, $1::timestamptz)',
      [next],
    );
  });
}

/** SQL for the used and reversed units of entries. */
const sumsOfEntries = `
  coalesce(sum(amount) filter (where kind in ('consume', 'settle')), 0),
  coalesce(-sum(amount) filter (where kind = 'reverse'), 0)`;

/** Parameters of {@link usageSumsSql}. */
interface SumsFilter {
  /** Null for all projects. */
  projectId: string | null;
  /** The window, epoch milliseconds. */
  from: number;
  to: number;
  /** Null for all features. */
  featureCode?: string | undefined;
  /** Null for all users. */
  userId?: string | undefined;
}

/** The end of the last whole day of the window that is summed. */
const summedUntil = `least($5::timestamptz,
  (select coalesce(summed_until, '-infinity') from usage_retention))`;

/**
 * SQL for rows `(project_id, day, feature_code, uid, used, reversed)` of a window, of which a user, feature and
 * day may have several. Whole days that are summed come from their sums; the rest, from entries. Entries of a
 * part of a day that were deleted are missing. `day` is a timestamp in UTC.
 */
export const usageSumsSql = `
  select project_id, day::timestamp as day, feature_code, uid, used, reversed
  from usage_days
  where ${ofFilter('project_id', 'uid')}
    and day >= ($4::timestamptz at time zone 'UTC')::date
    and day < (${summedUntil} at time zone 'UTC')::date
  union all
  ${fromEntries('at >= $2 and at < least($4::timestamptz, $3)')}
  union all
  ${fromEntries(`at >= greatest($4::timestamptz, ${summedUntil}) and at < $3`)}`;

function fromEntries(window: string): string {
  return `
  select project_id, date_trunc('day', at at time zone 'UTC') as day, feature_code, uid, ${sumsOfEntries}
  from usage_entries
  where ${ofFilter('project_id', 'uid')} and ${window} and kind <> 'hold'
  group by 1, 2, 3, 4`;
}

function ofFilter(projectId: string, uid: string): string {
  return `($1::text is null or ${projectId} = $1) and ($6::text is null or feature_code = $6)
    and ($7::text is null or ${uid} = (select u.uid from users u where u.project_id = $1 and u.user_id = $7))`;
}

/** Returns the values of the parameters of `usageSumsSql`, `$1` to `$7`. */
export function usageSumsValues(filter: SumsFilter): unknown[] {
  const { featureCode, from, projectId, to, userId } = filter;
  return [
    projectId,
    new Date(from),
    new Date(to),
    new Date(Math.ceil(from / dayMs) * dayMs),
    new Date(startOfDay(to)),
    featureCode ?? null,
    userId ?? null,
  ];
}

function startOfDay(instant: number): number {
  return Math.floor(instant / dayMs) * dayMs;
}
