import type { Deps } from '../deps.ts';
import { runExclusively } from '../platform/exclusive.ts';
import { createPartitions, dropPartitions, monthOf } from './partitions.ts';

export interface UsageRetentionDeps extends Pick<Deps, 'clock' | 'database' | 'logger'> {
  usageRetentionMonths: number;
}

const batch = 1_000;
const dayMs = 86_400_000;

/** Number of a table's blocks (of 8 kB) per statement, so that locks are short. */
const blocksPerStatement = 200;

/**
 * Creates the ledger's partitions of the months ahead. Once a month, deletes the usage that is older than the
 * retention: entries, their idempotency keys, holds, and buckets that can no longer matter. Deletes nothing
 * before it is summed by day. If several instances call it concurrently, one does the work.
 *
 * Steps that were interrupted are repeated by the next run.
 *
 * @param isStopped checked between batches.
 */
export async function keepUsage(
  deps: UsageRetentionDeps,
  isStopped: () => boolean = () => false,
): Promise<void> {
  const { clock, database, logger } = deps;
  await runExclusively(database, 'usage_retention', async () => {
    const now = clock();
    const created = await createPartitions(deps, now);
    if (created > 0) logger.info({ partitions: created }, 'partitions of usage created');
    const until = monthOf(now, -deps.usageRetentionMonths).from;
    if (!(await isDue(deps, until))) return;
    const purged = await purgeUsage(deps, until, isStopped);
    if (isStopped()) return;
    await database.pool.query('update usage_retention set purged_until = $1', [new Date(until)]);
    logger.info({ ...purged, until: new Date(until) }, 'old usage deleted');
  });
}

/**
 * Returns whether there is usage to delete before an instant, and it is summed. A day is summed a second time
 * with the day after it.
 */
async function isDue(
  { database, logger }: Pick<Deps, 'database' | 'logger'>,
  until: number,
): Promise<boolean> {
  const { rows } = await database.pool.query<{ summed: Date | null; purged: Date | null }>(
    'select summed_until as summed, purged_until as purged from usage_retention',
  );
  const [summed, purged] = [rows[0]?.summed ?? null, rows[0]?.purged ?? null];
  if (summed === null || (purged !== null && purged.getTime() >= until)) return false;
  if (summed.getTime() >= until + dayMs) return true;
  logger.warn({ summedUntil: summed }, 'old usage is kept until it is summed by day');
  return false;
}

interface Purged {
  partitions: number;
  entries: number;
  keys: number;
  holds: number;
  buckets: number;
}

async function purgeUsage(
  deps: UsageRetentionDeps,
  until: number,
  isStopped: () => boolean,
): Promise<Purged> {
  const { database } = deps;
  const before = new Date(until);
  const inBatches = async (sql: string): Promise<number> => {
    let total = 0;
    while (!isStopped()) {
      const { rowCount } = await database.pool.query(sql, [before, batch]);
      total += rowCount ?? 0;
      if ((rowCount ?? 0) < batch) break;
    }
    return total;
  };
  return {
    partitions: await dropPartitions(deps, until),
    entries: await inBatches(oldEntries),
    keys: await purgeByBlocks(deps, 'usage_keys', oldKey, before, isStopped),
    holds: await inBatches(oldHolds),
    buckets: await purgeByBlocks(deps, 'usage_buckets', oldBucket, before, isStopped),
  };
}

/** Entries of months without a partition. */
const oldEntries = `
  delete from usage_entries_default where (at, id) in (
    select at, id from usage_entries_default where at < $1 order by at, id limit $2)`;

/** A settled hold keeps its answer for as long as its entries are kept. */
const oldHolds = `
  delete from usage_holds where id in (
    select id from usage_holds where expires_at < $1 order by expires_at limit $2)`;

const oldKey = 'b.at < $1';

/**
 * A bucket's row matters while entries can be reversed into it, while its period may run, and as the last one
 * with units of its part. Of a part that has ever had a rollover, all rows matter: what a period carries over
 * depends on the use of all periods before. A later row counts only if no reversal can empty it anymore.
 */
const oldBucket = `
  b.period_end < $1 and b.used_at < $1::timestamptz - interval '1 day'
  and exists (
    select from usage_buckets later
    where later.uid = b.uid and later.feature_code = b.feature_code and later.part = b.part
      and later.period_start > b.period_start and later.used > 0
      and later.used_at < $1::timestamptz - interval '1 day')
  and not exists (
    select from entitlement_source_spans s
    where s.uid = b.uid and s.feature_code = b.feature_code
      and s.source->'allowance'->>'part' = b.part
      and s.source->'allowance'->'rollover' <> 'null'::jsonb)`;

/**
 * Deletes rows in one pass over a table, block by block. It needs no index, which every change of usage would
 * have to maintain for one pass a month.
 *
 * @param condition SQL about a row `b`, with `before` as `$1`.
 */
async function purgeByBlocks(
  { database: { pool } }: Pick<Deps, 'database'>,
  table: 'usage_keys' | 'usage_buckets',
  condition: string,
  before: Date,
  isStopped: () => boolean,
): Promise<number> {
  const { rows } = await pool.query<{ blocks: number }>(
    `select (pg_relation_size($1::regclass) / current_setting('block_size')::int)::int as blocks`,
    [table],
  );
  const blocks = rows[0]?.blocks ?? 0;
  let total = 0;
  for (let block = 0; block < blocks && !isStopped(); block += blocksPerStatement) {
    const { rowCount } = await pool.query(
      `delete from ${table} b where b.ctid >= $2::tid and b.ctid < $3::tid and ${condition}`,
      [before, `(${block},0)`, `(${block + blocksPerStatement},0)`],
    );
    total += rowCount ?? 0;
  }
  return total;
}
