import type { Database } from '../../platform/database.ts';

/**
 * Returns the identity of the database: its random id, the cluster, and the database within the cluster. A
 * copy restored elsewhere therefore has a different identity.
 */
export async function loadDatabaseIdentity(database: Database): Promise<string> {
  const { rows } = await database.pool.query<{ identity: string }>(`
    select md5(i.id::text || d.oid::text || s.system_identifier::text) as identity
    from database_identity i, pg_database d, pg_control_system() s
    where d.datname = current_database()`);
  const [row] = rows;
  if (row === undefined)
    throw new Error('the database has no identity: are all migrations applied?');
  return row.identity.slice(0, 12);
}
