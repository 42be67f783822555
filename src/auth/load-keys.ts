import type { Database } from '../platform/database.ts';
import type { KeyScope } from './caller.ts';

/** A key that has not been deleted. */
export interface KeyRow {
  hash: Buffer;
  id: string;
  project_id: string;
  scopes: KeyScope[];
  expires_at: Date | null;
}

/** Loads the keys with these hashes, on a reserved connection. */
export async function loadKeys(database: Database, hashes: Buffer[]): Promise<KeyRow[]> {
  const { rows } = await database.reservedPool.query<KeyRow>({
    name: 'find-key',
    text: `select hash, id, project_id, scopes, expires_at from api_keys
           where hash = any($1::bytea[]) and deleted_at is null`,
    values: [hashes],
  });
  return rows;
}

/** Loads the ids of the given keys that are neither deleted nor expired. */
export async function loadLiveKeys(
  database: Database,
  ids: readonly string[],
  now: number,
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await database.pool.query<{ id: string }>(
    `select id from api_keys
     where id = any($1) and deleted_at is null and (expires_at is null or expires_at > $2)`,
    [ids, new Date(now)],
  );
  return new Set(rows.map(({ id }) => id));
}
