import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient, type Prisma } from '../generated/prisma/client.ts';

/** The client inside one transaction. */
export type Tx = Prisma.TransactionClient;

/** `sql` builds a parameterized fragment for `tx.$queryRaw`. `sqlText` inserts a trusted string unescaped. */
export { sqltag as sql, raw as sqlText, type Sql } from '@prisma/client/runtime/client';

/** Connections to Postgres: Prisma for most code, and a pool for hot paths. */
export interface Database {
  prisma: PrismaClient;
  pool: pg.Pool;
  /** Reserved connections for short queries that must not wait when the pool is busy. */
  reservedPool: pg.Pool;
  /**
   * Connections for hot paths, which send statements without waiting for the results of earlier ones. Named
   * statements are planned once per connection.
   */
  pipelinedPool: pg.Pool;
  /**
   * Runs `work` in one READ COMMITTED transaction. Retries after a deadlock or a serialization failure.
   *
   * @param attempts the maximum number of attempts; 5 by default.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, attempts?: number): Promise<T>;
  /**
   * Runs `work` in one READ COMMITTED transaction without Prisma and without retries.
   *
   * @param lockTimeoutMs how long a statement waits for a lock before it fails.
   */
  poolTransaction<T>(
    lockTimeoutMs: number,
    work: (client: pg.PoolClient) => Promise<T>,
  ): Promise<T>;
  /**
   * Runs `work` in one READ COMMITTED transaction on a connection of `pipelinedPool`, without retries. Statements
   * that `work` sends without waiting share a round trip and run in their order, each on what was committed
   * before it began.
   *
   * @param lockTimeoutMs how long a statement waits for a lock before it fails.
   * @param work resolves with its result once it has sent all statements. The commit is sent with those that
   *   `stored` waits for. If one of them fails, nothing is committed.
   */
  pipelinedTransaction<T>(
    lockTimeoutMs: number,
    work: (client: pg.PoolClient) => Promise<{ result: T; stored: Promise<unknown> }>,
  ): Promise<T>;
  close(): Promise<void>;
}

/** Kinds of Postgres failures that neither the service nor the caller caused. */
export type DatabaseFailure = 'unreachable' | 'timeout' | 'conflict';

/**
 * Connects to Postgres.
 *
 * @param onPoolError called with errors of idle connections. The pool replaces these connections.
 * @param onFailure called for every failed query and transaction, including those that are retried.
 */
export function openDatabase(
  url: string,
  onPoolError: (error: Error) => void,
  onFailure: (failure: DatabaseFailure) => void = () => undefined,
): Database {
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 15_000,
    statement_timeout: 14_000,
    application_name: 'latchkey',
    // JIT-compiling a report's statement takes Postgres seconds; running it takes tenths of a second.
    options: '-c jit=off',
  };
  const pool = new pg.Pool({ ...settings, max: 16 });
  const pipelinedPool = new pg.Pool({
    ...{ ...settings, max: 4, pipeline: true },
    // To plan these statements for their parameters can take Postgres longer than to run them.
    options: `${settings.options} -c plan_cache_mode=force_generic_plan`,
  });
  const reservedPool = new pg.Pool({ ...settings, max: 2 });
  const reportFailure = (error: unknown): void => {
    if (isUnreachable(error)) onFailure('unreachable');
    else if (isTimeout(error)) onFailure('timeout');
    else if (isTransient(error)) onFailure('conflict');
  };
  for (const each of [pool, pipelinedPool, reservedPool]) {
    each.on('error', onPoolError);
    // The pool only handles errors of idle connections. An unhandled error of a connection in use would end
    // the process. The connection's next query fails anyway.
    each.on('connect', (client) => client.on('error', () => undefined));
    watchQueries(each, reportFailure);
  }
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    pool,
    reservedPool,
    pipelinedPool,
    async transaction(work, attempts = 5) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await prisma.$transaction(work, { maxWait: 5_000, timeout: 15_000 });
        } catch (error) {
          reportFailure(error);
          if (attempt === attempts || !isTransient(error)) throw error;
        }
      }
    },
    poolTransaction(lockTimeoutMs, work) {
      return onConnection(pool, reportFailure, async (client) => {
        await client.query(beginSql(lockTimeoutMs));
        const result = await work(client);
        await client.query('commit');
        return result;
      });
    },
    pipelinedTransaction(lockTimeoutMs, work) {
      return onConnection(pipelinedPool, reportFailure, async (client) => {
        const begun = client.query(beginSql(lockTimeoutMs));
        const [, { result, stored }] = await Promise.all([begun, work(client)]);
        await Promise.all([stored, client.query('commit')]);
        return result;
      });
    },
    async close() {
      await prisma.$disconnect();
      await Promise.all([pool.end(), pipelinedPool.end(), reservedPool.end()]);
    },
  };
}

function beginSql(lockTimeoutMs: number): string {
  return `begin; set local lock_timeout = ${lockTimeoutMs}`;
}

/** Runs a transaction on a connection of the pool, then releases the connection. Rolls back if `work` fails. */
async function onConnection<T>(
  pool: pg.Pool,
  onError: (error: unknown) => void,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient | undefined;
  try {
    client = await pool.connect();
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    onError(error);
    if (client !== undefined) {
      // Closing a connection that may not respond ends its transaction, too.
      const isUsable = !isUnreachable(error) && (await isRolledBack(client));
      client.release(!isUsable);
    }
    throw error;
  }
}

async function isRolledBack(client: pg.PoolClient): Promise<boolean> {
  return client.query('rollback').then(
    () => true,
    () => false,
  );
}

/** Reads Postgres' clock, epoch milliseconds. */
export async function readClock({ pool }: Pick<Database, 'pool'>): Promise<number> {
  const { rows } = await pool.query<{ at: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('clock_timestamp() returned no row');
  return row.at;
}

/** Calls `onError` for every query that fails outside a transaction. The caller gets the error too. */
function watchQueries(pool: pg.Pool, onError: (error: unknown) => void): void {
  const query: (...request: unknown[]) => unknown = pool.query.bind(pool);
  const watched = (...request: unknown[]): unknown => {
    const answer = query(...request);
    if (answer instanceof Promise) answer.catch(onError);
    return answer;
  };
  pool.query = watched as typeof pool.query; // arguments and result pass through unchanged
}

/**
 * Matches the errors (from the socket, the driver, Prisma or Postgres) of a database that is unreachable, has
 * no free connection, or does not respond.
 */
const unreachable =
  /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|ETIMEDOUT|EPIPE|timeout exceeded when trying to connect|Query read timeout|Connection terminated|terminating connection|is not queryable|Server has closed the connection|the database system is (?:starting up|shutting down)|Can't reach database server|Unable to start a transaction|\b(?:P1001|P1002|P1008|P1017|P2024|P2028|57P0[123]|53300)\b/;

/**
 * Matches the errors for exceeding the time limits of statements (57014, reported by Postgres), of waits for
 * locks (55P03) and of Prisma's transactions.
 */
const timeout = /\b(?:57014|55P03)\b|on an expired transaction/;

/** Returns whether an error means that the database could not be reached, so that a retry may succeed. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && unreachable.test(errorText(error)) && !isTimeout(error);
}

/**
 * Returns whether the database responded, but a statement or transaction exceeded its time limit because the
 * work is too large or waits for a lock. Retrying the same work is likely to fail again.
 */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && timeout.test(errorText(error));
}

/** Returns the complete message of a database error. Prisma keeps the driver's message in the cause. */
export function errorText(error: Error): string {
  const cause = error.cause === undefined ? '' : JSON.stringify(error.cause);
  return `${codeOf(error)} ${error.message} ${cause}`;
}

/**
 * Returns whether the error is a deadlock (40P01) or a serialization failure (40001). In both cases nothing
 * was written and a retry may succeed.
 */
function isTransient(error: unknown): boolean {
  return (
    error instanceof Error && /\b(40P01|40001)\b|P2034/.test(`${error.message} ${codeOf(error)}`)
  );
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
