import pg from 'pg';
import { floorTable } from './floors.ts';

export interface Population {
  projectId: string;
  /** Stored users, from `u_1` on. */
  users: number;
  /** What each of them may use. */
  features: number;
}

/** `$2` features: booleans, limits and configs in turn. */
const featureSet = `(
  select 'feature_' || lpad(n::text, 3, '0') as code,
    (array['boolean', 'limit', 'config'])[1 + n % 3] as type,
    (array['true', '100', '{"tier": "pro", "seats": 5}'])[1 + n % 3]::jsonb as value
  from generate_series(1, $2::int) n
) f`;

export function userName(number: number): string {
  return `u_${number}`;
}

export function featureName(number: number): string {
  return `feature_${String(number).padStart(3, '0')}`;
}

/**
 * Inserts users with their timelines, as the service would have stored them, each from one subscription. Uses
 * bulk statements, and skips row-by-row checks: the references, and the rule against overlaps, which no read
 * uses and which costs minutes to build.
 */
export async function seedUsers(databaseUrl: string, population: Population): Promise<void> {
  const { projectId, users, features } = population;
  await withClient(databaseUrl, async (client) => {
    await client.query('set synchronous_commit = off');
    await client.query('set session_replication_role = replica');
    await client.query(
      `insert into features (project_id, code, name, type, created_at)
       select $1, f.code, f.code, f.type, now() from ${featureSet}`,
      [projectId, features],
    );
    await client.query(
      // Without a boundary or an end to come, as after a refresh: no sweep runs beside the load.
      `insert into users
         (project_id, user_id, revision, recorded_at, created_at, next_boundary_at, next_end_at)
       select $1, 'u_' || n, 1, now(), now(), null, null from generate_series(1, $2::int) n`,
      [projectId, users],
    );
    await client.query(
      'alter table entitlement_segments drop constraint entitlement_segments_no_overlap',
    );
    await withoutIndexes(client, 'entitlement_segments', () =>
      client.query(
        `insert into entitlement_segments (
           project_id, uid, feature_code, feature_type, allowed, reason, value, sources, valid_from, recorded_at
         )
         select $1, u.uid, f.code, f.type, true, 'granted', f.value,
           '[{"id": "sub_1NirD82eZvKYlo2CIvbtLWuY", "type": "subscription", "price_id": "price_1MoBy5LkdIwHu7ixZhnattbh"}]',
           '2026-11-01', now()
         from users u, ${featureSet} where u.project_id = $1`,
        [projectId, features],
      ),
    );
    await client.query('vacuum analyze users, entitlement_segments');
    await settle(client);
  });
}

/** Returns the floors' answers: for each user the bytes that the service returns for `u_1`. */
export async function seedFloors(databaseUrl: string, users: number, body: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query('set synchronous_commit = off');
    await client.query(`create table ${floorTable} (user_id text primary key, body text not null)`);
    await client.query(
      `insert into ${floorTable}
       select 'u_' || n, replace($1, '"u_1"', '"u_' || n || '"') from generate_series(1, $2::int) n`,
      [body, users],
    );
    await client.query(`vacuum analyze ${floorTable}`);
    await client.query('create table bench_floor_events (id bigserial primary key, body text)');
    await settle(client);
  });
}

/** Writes what was inserted to disk, so that PostgreSQL does not do so beside the load. */
async function settle(client: pg.Client): Promise<void> {
  await client.query('checkpoint');
}

/** Building an index once is far cheaper than maintaining it per row. */
async function withoutIndexes(
  client: pg.Client,
  table: string,
  work: () => Promise<unknown>,
): Promise<void> {
  const { rows: indexes } = await client.query<{ name: string; sql: string }>(
    `select indexname as name, indexdef as sql from pg_indexes
     where tablename = $1 and indexname <> $1 || '_pkey'`,
    [table],
  );
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  await work();
  await client.query(`set maintenance_work_mem = '1GB'`);
  for (const { sql } of indexes) await client.query(sql);
}

export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
