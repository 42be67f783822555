import type { Database } from '../platform/database.ts';
import { usageSumsSql, usageSumsValues } from '../reporting/usage-days.ts';
import type { EntryDto } from './schemas.ts';
import { entryInstant } from './entry-id.ts';

/** Which entries to list. Instants are epoch milliseconds. */
interface EntryFilter {
  projectId: string;
  userId?: string | undefined;
  featureCode?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

interface EntryRow {
  id: string;
  user_id: string;
  feature_code: string;
  amount: string;
  at: Date;
  kind: EntryDto['kind'];
  key: string | null;
  metadata: EntryDto['metadata'];
  balance_after: string | null;
}

/**
 * Loads entries, newest first.
 *
 * @param after the id of the last entry of the previous page.
 */
export async function loadEntryPage(
  { pool }: Pick<Database, 'pool'>,
  { featureCode, from, projectId, to, userId }: EntryFilter,
  { after, take }: { after: string | undefined; take: number },
): Promise<EntryDto[]> {
  const last = after === undefined ? null : entryInstant(after);
  const { rows } = await pool.query<EntryRow>({
    name: `list-entries-${userId === undefined ? 'of-project' : 'of-user'}`,
    text: `
      select e.id, u.user_id, e.feature_code, e.amount, e.at, e.kind, e.key, e.metadata, e.balance_after
      from usage_entries e join users u on u.uid = e.uid
      where ${userId === undefined ? 'e.project_id = $1 and $2::text is null' : 'e.uid = (select uid from users where project_id = $1 and user_id = $2)'}
        and ($3::text is null or e.feature_code = $3)
        and e.at >= coalesce($4::timestamptz, '-infinity')
        and e.at < coalesce($5::timestamptz, 'infinity')
        and ($6::timestamptz is null or (e.at <= $6 and (e.at, e.id) < ($6, $7)))
      order by e.at desc, e.id desc
      limit $8`,
    values: [
      projectId,
      userId ?? null,
      featureCode ?? null,
      dateOf(from),
      dateOf(to),
      dateOf(last ?? undefined),
      after ?? null,
      take,
    ],
  });
  return rows.map((row) => ({
    id: row.id,
    user_id: row.user_id,
    feature_code: row.feature_code,
    amount: Number(row.amount),
    at: row.at.toISOString(),
    kind: row.kind,
    idempotency_key: row.key,
    metadata: row.metadata,
    balance_after: row.balance_after === null ? null : Number(row.balance_after),
  }));
}

/** What to sum. Instants are epoch milliseconds. */
interface SummaryFilter {
  projectId: string;
  from: number;
  to: number;
  interval: 'day' | 'month';
  featureCode?: string | undefined;
  userId?: string | undefined;
}

export interface SummaryRow {
  from: Date;
  to: Date;
  featureCode: string;
  used: number;
  reversed: number;
  users: number;
}

/**
 * Sums usage by feature and by day or month in UTC, the oldest first. Of a day whose entries were deleted, only
 * the sum of the whole day is known, so it counts if the window has all of it.
 */
export async function loadSummary(
  { pool }: Pick<Database, 'pool'>,
  { interval, ...filter }: SummaryFilter,
): Promise<SummaryRow[]> {
  const { rows } = await pool.query<{
    from_at: Date;
    to_at: Date;
    feature_code: string;
    used: string;
    reversed: string;
    users: number;
  }>(
    `select start at time zone 'UTC' as from_at, (start + $9::interval) at time zone 'UTC' as to_at,
       feature_code, sum(used) as used, sum(reversed) as reversed,
       count(distinct uid) filter (where used > 0)::int as users
     from (
       select date_trunc($8, day) as start, feature_code, uid, used, reversed
       from (${usageSumsSql}) sums
     ) e
     group by start, feature_code
     order by start, feature_code collate "C"`,
    [...usageSumsValues(filter), interval, `1 ${interval}`],
  );
  return rows.map((row) => ({
    from: row.from_at,
    to: row.to_at,
    featureCode: row.feature_code,
    used: Number(row.used),
    reversed: Number(row.reversed),
    users: row.users,
  }));
}

function dateOf(instant: number | undefined): Date | null {
  return instant === undefined ? null : new Date(instant);
}
