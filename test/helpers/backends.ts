import type pg from 'pg';
import type { Database } from '../../src/platform/database.ts';

/** Ends all other connections to the database, as a restart of Postgres would. */
export async function terminateBackends({ pool }: Database): Promise<void> {
  await pool
    .query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    )
    .catch(() => undefined);
}

/** Ends the connections that wait to write a locked table, as soon as there is one, or `isOver` says to stop. */
export async function endBackendsWaitingFor(
  queries: Pick<pg.PoolClient, 'query'>,
  table: string,
  isOver: () => boolean,
): Promise<void> {
  for (let ended = 0; ended === 0 && !isOver();) {
    const { rowCount } = await queries.query(
      `select pg_terminate_backend(pid) from pg_locks where not granted and relation = $1::regclass`,
      [table],
    );
    ended = rowCount ?? 0;
  }
}
