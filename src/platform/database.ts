import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient, type Prisma } from '../generated/prisma/client.ts';

/** What runs inside one transaction. */
export type Tx = Prisma.TransactionClient;

/** A piece of SQL with its parameters, as `tx.$queryRaw` takes it. */
export { sqltag as sql, type Sql } from '@prisma/client/runtime/client';

/** One pool of connections to Postgres: Prisma for most of the code, the pool itself where a path is hot. */
export interface Database {
  prisma: PrismaClient;
  pool: pg.Pool;
  /** Runs `work` in one READ COMMITTED transaction; a deadlock or a serialization failure runs it again, up to 5 times. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const attempts = 5;

/** @param onPoolError told of errors on idle connections, which are replaced. */
export function openDatabase(url: string, onPoolError: (error: Error) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: 20,
    connectionTimeoutMillis: 2_000,
    query_timeout: 15_000,
    statement_timeout: 14_000,
    application_name: 'latchkey',
  });
  pool.on('error', onPoolError);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    pool,
    async transaction(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await prisma.$transaction(work, { maxWait: 5_000, timeout: 15_000 });
        } catch (error) {
          if (attempt === attempts || !isTransient(error)) throw error;
        }
      }
    },
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/**
 * What the socket, the driver, Prisma and Postgres say where the database cannot be reached, has no
 * connection left or does not answer in time (57014 is our own statement timeout).
 */
const unreachable =
  /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|ETIMEDOUT|EPIPE|timeout exceeded when trying to connect|Query read timeout|Connection terminated|terminating connection|the database system is (?:starting up|shutting down)|Can't reach database server|Unable to start a transaction|\b(?:P1001|P1002|P1008|P1017|P2024|P2028|57014|57P0[123]|53300)\b/;

/** Whether an error says that the database could not be asked, which another try may well be able to. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && unreachable.test(saidBy(error));
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
