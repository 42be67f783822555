import type { Database } from '../platform/database.ts';

/** How many changes get their positions in one transaction. */
const mostAtOnce = 1_000;

/**
 * Publishes every change that is committed: gives it a position in the feed. Returns the last position.
 * Changes of one user keep their order, since each is stored under the user's lock. Safe on many instances
 * at once, which wait for each other (docs/adr/0014-changes.md).
 */
export async function publishChanges({ pool }: Database): Promise<bigint> {
  for (;;) {
    const { rows } = await pool.query<{ last: string; more: boolean }>(
      `select case when exists (select from changes where position is null)
         then publish_changes($1) else (select last_position from change_feed) end as last,
         (select count(*) from (select from changes where position is null limit $1 + 1) due) > $1 as more`,
      [mostAtOnce],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the feed has no state: are all migrations applied?');
    if (!row.more) return BigInt(row.last);
  }
}
