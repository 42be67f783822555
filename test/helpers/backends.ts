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
