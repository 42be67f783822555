import type pg from 'pg';

/**
 * Runs `work` in a READ COMMITTED transaction on a connection of the pool, without Prisma.
 *
 * @param lockTimeoutMs how long a statement waits for a lock before it fails.
 */
export async function poolTransaction<T>(
  pool: pg.Pool,
  lockTimeoutMs: number,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(`begin; set local lock_timeout = ${lockTimeoutMs}`);
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    const isRolledBack = await client.query('rollback').then(
      () => true,
      () => false,
    );
    // A connection that does not roll back is closed, which ends its transaction.
    client.release(!isRolledBack);
    throw error;
  }
}
