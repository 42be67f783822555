import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient, type Prisma } from '../generated/prisma/client.ts';

/** What runs inside one transaction. */
export type Tx = Prisma.TransactionClient;

/** A piece of SQL with its parameters, as `tx.$queryRaw` takes it; `sqlText` is one of fixed text. */
export { sqltag as sql, raw as sqlText, type Sql } from '@prisma/client/runtime/client';

/** Connections to Postgres: Prisma for most of the code, the pool below it where a path is hot. */
export interface Database {
  prisma: PrismaClient;
  pool: pg.Pool;
  /** A few connections of their own, for short queries that must not wait however busy the pool is. */
  reservedPool: pg.Pool;
  /**
   * Runs `work` in one READ COMMITTED transaction; a deadlock or a serialization failure runs it again, up
   * to `attempts` times altogether, 5 unless it is said.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, attempts?: number): Promise<T>;
  close(): Promise<void>;
}

const usualAttempts = 5;

/** Why Postgres did not do what it was asked for, where that is neither our fault nor the caller's. */
export type DatabaseFailure = 'unreachable' | 'timeout' | 'conflict';

/**
 * @param onPoolError told of errors on idle connections, which are replaced.
 * @param onFailure told of every query and transaction that failed so, those that are tried again included.
 */
export function openDatabase(
  url: string,
  onPoolError: (error: Error) => void,
  onFailure: (failure: DatabaseFailure) => void = () => undefined,
): Database {
  const settings: pg.PoolConfig = {
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 15_000,
    statement_timeout: 14_000,
    application_name: 'latchkey',
    // Compiling a report's statement takes Postgres seconds, running it takes tenths of one.
    options: '-c jit=off',
  };
  const pool = new pg.Pool({ ...settings, max: 20 });
  const reservedPool = new pg.Pool({ ...settings, max: 2 });
  const noteFailure = (error: unknown): void => {
    if (isUnreachable(error)) onFailure('unreachable');
    else if (isTimeout(error)) onFailure('timeout');
    else if (isTransient(error)) onFailure('conflict');
  };
  for (const each of [pool, reservedPool]) {
    each.on('error', onPoolError);
    watchQueries(each, noteFailure);
  }
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    pool,
    reservedPool,
    async transaction(work, attempts = usualAttempts) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await prisma.$transaction(work, { maxWait: 5_000, timeout: 15_000 });
        } catch (error) {
          noteFailure(error);
          if (attempt === attempts || !isTransient(error)) throw error;
        }
      }
    },
    async close() {
      await prisma.$disconnect();
      await Promise.all([pool.end(), reservedPool.end()]);
    },
  };
}

/** Postgres' clock, epoch milliseconds. */
export async function readClock({ pool }: Pick<Database, 'pool'>): Promise<number> {
  const { rows } = await pool.query<{ at: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres gave no instant');
  return row.at;
}

/** Tells of every query that fails outside of a transaction, whoever makes it; who made it is told as ever. */
function watchQueries(pool: pg.Pool, onError: (error: unknown) => void): void {
  const query: (...request: unknown[]) => unknown = pool.query.bind(pool);
  const watched = (...request: unknown[]): unknown => {
    const answer = query(...request);
    if (answer instanceof Promise) answer.catch(onError);
    return answer;
  };
  pool.query = watched as typeof pool.query; // what it is called with and answers goes through as it is
}

/**
 * What the socket, the driver, Prisma and Postgres say where the database cannot be reached, has no
 * connection left or does not answer at all.
 */
const unreachable =
  /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|ETIMEDOUT|EPIPE|timeout exceeded when trying to connect|Query read timeout|Connection terminated|terminating connection|is not queryable|Server has closed the connection|the database system is (?:starting up|shutting down)|Can't reach database server|Unable to start a transaction|\b(?:P1001|P1002|P1008|P1017|P2024|P2028|57P0[123]|53300)\b/;

/** Our own limits: on a statement (57014, which Postgres itself reports), and Prisma's on a transaction. */
const timeout = /\b57014\b|on an expired transaction/;

/** Whether an error says that the database could not be asked, which another try may well be able to. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && unreachable.test(saidBy(error)) && !isTimeout(error);
}

/**
 * Whether the database answered, but a statement or transaction took longer than it may: the work is
 * too much at once, or waits for a lock. The same work, repeated, is likely to fail again.
 */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && timeout.test(saidBy(error));
}

/** All that an error of the database says. Prisma keeps what the driver said in the cause. */
export function saidBy(error: Error): string {
  const cause = error.cause === undefined ? '' : JSON.stringify(error.cause);
  return `${codeOf(error)} ${error.message} ${cause}`;
}

/** Deadlock (40P01) and serialization failure (40001): nothing was written, and another try may pass. */
function isTransient(error: unknown): boolean {
  return (
    error instanceof Error && /\b(40P01|40001)\b|P2034/.test(`${error.message} ${codeOf(error)}`)
  );
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
