import type pg from 'pg';
import { connect, placeOf } from './postgres-connection.ts';

/** The oldest major version of PostgreSQL that the tests run on. */
export const oldestPostgres = 15;

/** How many times to compare two connections. A busy pooler may happen to use different sessions. */
const comparisons = 5;

export interface PostgresServer {
  /** The version, such as `18.4`. */
  version: string;
  tls: boolean;
}

/** Thrown if the database responds but cannot be used. */
export class UnusableDatabase extends Error {
  constructor(databaseUrl: string, what: string) {
    super(`database ${placeOf(databaseUrl)}: ${what}`);
    this.name = 'UnusableDatabase';
  }
}

/**
 * Inspects a database's server.
 *
 * @throws UnusableDatabase if the server is older than `oldestPostgres`, is a read-only standby, or is behind
 *   a pooler that gives each transaction a different session; Error if it cannot be reached.
 */
export async function inspectPostgres(databaseUrl: string): Promise<PostgresServer> {
  const first = await connect(databaseUrl, 'latchkey check');
  try {
    const { rows } = await first.query<{
      version: string;
      number: number;
      standby: boolean;
      tls: boolean | null;
    }>(
      `select current_setting('server_version') as version,
         current_setting('server_version_num')::int as number,
         pg_is_in_recovery() as standby,
         (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as tls`,
    );
    const [row] = rows;
    if (row === undefined)
      throw new UnusableDatabase(databaseUrl, 'it does not report its version');
    if (Math.floor(row.number / 10_000) < oldestPostgres) {
      throw new UnusableDatabase(
        databaseUrl,
        `PostgreSQL ${row.version} is too old. Latchkey needs ${oldestPostgres} or newer.`,
      );
    }
    if (row.standby) {
      throw new UnusableDatabase(
        databaseUrl,
        'this is a read-only standby. Set DATABASE_URL to the primary.',
      );
    }
    const second = await connect(databaseUrl, 'latchkey check');
    try {
      if (await shareSession(first, second)) {
        throw new UnusableDatabase(
          databaseUrl,
          'a pooler gives each transaction a different session, but prepared statements and locks need a session of their ' +
            'own: set pool_mode = session, or connect to PostgreSQL directly.',
        );
      }
    } finally {
      await second.end();
    }
    return { version: row.version.split(' ')[0] ?? row.version, tls: row.tls === true };
  } finally {
    await first.end();
  }
}

/**
 * Returns whether two open connections share a backend session, as they may behind a transaction-mode pooler.
 */
async function shareSession(first: pg.Client, second: pg.Client): Promise<boolean> {
  const own = await sessionOf(first);
  for (let attempt = 0; attempt < comparisons; attempt += 1) {
    if ((await sessionOf(second)) === own || (await sessionOf(first)) !== own) return true;
  }
  return false;
}

async function sessionOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid;
}
