import type { Database } from '../platform/database.ts';

/** Maximum number of changes that get their positions in one transaction. */
const maxPerTransaction = 1_000;

/**
 * Publishes every committed change by giving it a position in the feed; returns the last position. The SQL
 * function `publish_changes` (prisma/migrations/20261130140000_changes) serializes instances and keeps each
 * user's order (docs/adr/0014-changes.md).
 */
export async function publishChanges({ pool }: Database): Promise<bigint> {
  for (;;) {
    const { rows } = await pool.query<{ last: string; more: boolean }>(
      `select case when exists (select from changes where position is null)
         then publish_changes($1) else (select last_position from change_feed) end as last,
         (select count(*) from (select from changes where position is null limit $1 + 1) due) > $1 as more`,
      [maxPerTransaction],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('change_feed has no row. Run `npm run migrate`.');
    if (!row.more) return BigInt(row.last);
  }
}
