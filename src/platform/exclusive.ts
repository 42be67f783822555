import type { Database } from './database.ts';

/**
 * Runs `work` while no other instance runs work of the same name. Holds a connection of the pool meanwhile.
 *
 * @returns null if another instance is at it.
 */
export async function runExclusively<T>(
  { pool }: Pick<Database, 'pool'>,
  name: string,
  work: () => Promise<T>,
): Promise<T | null> {
  const client = await pool.connect();
  // The connection with the lock is idle during the work. Without a listener, the error event of a lost
  // connection would end the process. The next query would fail anyway.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  try {
    const { rows } = await client.query<{ ours: boolean }>(
      'select pg_try_advisory_lock(hashtext($1)) as ours',
      [name],
    );
    if (rows[0]?.ours !== true) return null;
    try {
      return await work();
    } finally {
      await client.query('select pg_advisory_unlock(hashtext($1))', [name]);
    }
  } finally {
    client.off('error', ignore);
    client.release();
  }
}
