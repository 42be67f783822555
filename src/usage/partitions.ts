import type { Deps } from '../deps.ts';

/*
 * The monthly partitions of the ledger. Entries of a month without a partition are stored in the default
 * partition, so no write ever fails.
 */

/** Number of months ahead for which partitions are created. */
const monthsAhead = 3;

/**
 * Maximum wait for the lock of a table, milliseconds. Requests queue behind the wait, so it is short. The next
 * run retries.
 */
const lockTimeoutMs = 500;

/** A month in UTC, such as `2026_11`, with its bounds in epoch milliseconds. */
interface Month {
  name: string;
  from: number;
  to: number;
}

/**
 * Creates the partitions of this month and the next ones. Skips a month of which the default partition already
 * has entries: its entries stay there.
 *
 * @returns the number of created partitions.
 */
export async function createPartitions(
  { database }: Pick<Deps, 'database'>,
  now: number,
): Promise<number> {
  const existing = new Set(await loadPartitions(database));
  const missing = Array.from({ length: monthsAhead + 1 }, (_, ahead) => monthOf(now, ahead)).filter(
    ({ name }) => !existing.has(name),
  );
  let created = 0;
  for (const month of missing) created += await createPartition(database, month);
  return created;
}

async function createPartition(
  database: Deps['database'],
  { from, name, to }: Month,
): Promise<number> {
  const table = `usage_entries_${name}`;
  const bounds = [new Date(from).toISOString(), new Date(to).toISOString()] as const;
  return database.poolTransaction(lockTimeoutMs, async (client) => {
    const { rowCount } = await client.query(
      'select from usage_entries_default where at >= $1 and at < $2 limit 1',
      [...bounds],
    );
    if (rowCount !== 0) return 0;
    // Unlike CREATE TABLE … PARTITION OF, attaching does not block writes to other partitions.
    await client.query(`create table ${table} (like usage_entries including all)`);
    await client.query(
      `alter table usage_entries attach partition ${table} for values from ('${bounds[0]}') to ('${bounds[1]}')`,
    );
    return 1;
  });
}

/**
 * Drops the partitions of the months that ended at or before an instant.
 *
 * @returns the number of dropped partitions.
 */
export async function dropPartitions(
  { database }: Pick<Deps, 'database'>,
  until: number,
): Promise<number> {
  const ended = (await loadPartitions(database)).filter((name) => endOf(name) <= until);
  for (const name of ended) {
    await database.poolTransaction(lockTimeoutMs, (client) =>
      client.query(`drop table usage_entries_${name}`),
    );
  }
  return ended.length;
}

/** Loads the months that have a partition, the oldest first. */
async function loadPartitions({ pool }: Deps['database']): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select substr(c.relname, length('usage_entries_') + 1) as name
     from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'usage_entries'::regclass and c.relname ~ '^usage_entries_\\d{4}_\\d\\d$'
     order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Returns the month of an instant, or one some months later or earlier. */
export function monthOf(instant: number, later = 0): Month {
  const date = new Date(instant);
  const start = (months: number): Date =>
    new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months));
  const from = start(later);
  return {
    name: from.toISOString().slice(0, 7).replace('-', '_'),
    from: from.getTime(),
    to: start(later + 1).getTime(),
  };
}

function endOf(name: string): number {
  return monthOf(Date.parse(`${name.replace('_', '-')}-01T00:00:00Z`)).to;
}
