import { connect, placeOf } from '../platform/postgres-connection.ts';
import { inspectPostgres } from '../platform/postgres-server.ts';
import { appliedNames, readMigrations } from '../platform/migrate.ts';
import { reasonOf } from '../platform/redaction.ts';
import { inspectRedis, redisPlaceOf } from '../platform/redis.ts';
import { type Check, failed, ok, warning } from './check-result.ts';

/** Maximum acceptable difference between two clocks, milliseconds. */
const maxSkewMs = 1_000;

/** Checks that the database is reachable and usable. */
export async function checkDatabase(databaseUrl: string): Promise<Check> {
  try {
    const { version, tls } = await inspectPostgres(databaseUrl);
    return ok(
      'database',
      `PostgreSQL ${version}, ${placeOf(databaseUrl)}, ${tls ? 'over TLS' : 'without TLS'}`,
    );
  } catch (error) {
    return failed('database', reasonOf(error), 'Correct DATABASE_URL, or start the server.');
  }
}

/** Checks that all migrations of this release are applied. */
export async function checkSchema(databaseUrl: string): Promise<Check> {
  const names = (await readMigrations()).map(({ name }) => name);
  const applied = await query<{ migration_name: string }>(databaseUrl, appliedNames).catch(
    (error: unknown) => {
      // 42P01: the table does not exist, so no migration has been applied yet.
      if (error instanceof Error && 'code' in error && error.code === '42P01') return [];
      throw error;
    },
  );
  const done = new Set(applied.map((row) => row.migration_name));
  const missing = names.filter((name) => !done.has(name));
  const newer = [...done].filter((name) => !names.includes(name));
  if (missing.length > 0) {
    return warning(
      'schema',
      `${missing.length} of ${names.length} migrations have not been applied`,
      'Start the service with MIGRATE_ON_START=true, or run `npm run migrate` (in the image: `migrate`).',
    );
  }
  return ok(
    'schema',
    `all ${names.length} migrations of this release have been applied` +
      (newer.length === 0 ? '' : `, and ${newer.length} of a later release`),
  );
}

/** Returns whether any webhook event is stored. False if the database cannot be read. */
export async function hasStoredEvents(databaseUrl: string): Promise<boolean> {
  return query(databaseUrl, 'select from webhook_events limit 1').then(
    (rows) => rows.length > 0,
    () => false,
  );
}

/** Checks this machine's clock against the database's. */
export async function checkClock(databaseUrl: string, now: () => number): Promise<Check> {
  const sentAt = now();
  const [row] = await query<{ at: Date }>(databaseUrl, 'select clock_timestamp() as at');
  const receivedAt = now();
  const at = row?.at.getTime() ?? receivedAt;
  // The database read its clock at some point between the request and the response.
  const skewMs = at < sentAt ? sentAt - at : Math.max(0, at - receivedAt);
  return skewMs > maxSkewMs
    ? warning(
        'clock',
        `this machine and PostgreSQL differ by ${(skewMs / 1_000).toFixed(1)} s`,
        'Run an NTP client on both machines.',
      )
    : ok('clock', `within ${Math.max(1, skewMs)} ms of PostgreSQL`);
}

async function query<Row extends object>(databaseUrl: string, text: string): Promise<Row[]> {
  const connection = await connect(databaseUrl, 'latchkey doctor');
  try {
    return (await connection.query<Row>(text)).rows;
  } finally {
    await connection.end();
  }
}

/** Checks that the cache is reachable and that it evicts entries when full. */
export async function checkCache(redisUrl: string | undefined): Promise<Check> {
  if (redisUrl === undefined) {
    return warning(
      'cache',
      'REDIS_URL is not set: every read queries PostgreSQL',
      'Set REDIS_URL, unless the service should run without a cache.',
    );
  }
  try {
    const { version, evictionPolicy } = await inspectRedis(redisUrl);
    const found = `Redis ${version}, ${redisPlaceOf(redisUrl)}, ${evictionPolicy}`;
    return evictionPolicy === 'noeviction'
      ? warning(
          'cache',
          found,
          'Set maxmemory-policy to allkeys-lru. Otherwise Redis rejects every write when it is full.',
        )
      : ok('cache', found);
  } catch (error) {
    return failed('cache', reasonOf(error), 'Correct REDIS_URL, or start the server.');
  }
}
