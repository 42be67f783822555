import type { Database } from '../../src/platform/database.ts';

/** Returns how many transactions of the database wait for a lock of a project or join key. */
export async function countWaitingLocks({ pool }: Database): Promise<number> {
  const { rows } = await pool.query(
    `select from pg_locks l join pg_database d on d.oid = l.database
     where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`,
  );
  return rows.length;
}
