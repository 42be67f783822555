import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTimeout, isUnreachable } from '../../src/platform/database.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

/** Resolves once two have arrived, each time; later ones pass. */
function meetingPoint(): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const met = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    arrived += 1;
    if (arrived === 2) open();
    return met;
  };
}

it('a transaction that Postgres ends for a deadlock runs again, and both are done', async () => {
  const both = meetingPoint();
  const runs = { first: 0, second: 0 };
  const lock = async (name: 'first' | 'second', one: number, other: number) =>
    test.database.transaction(async (tx) => {
      runs[name] += 1;
      await tx.$executeRaw`select pg_advisory_xact_lock(${one}::bigint)`;
      await both();
      await tx.$executeRaw`select pg_advisory_xact_lock(${other}::bigint)`;
      return name;
    });
  expect(await Promise.all([lock('first', 1, 2), lock('second', 2, 1)])).toEqual([
    'first',
    'second',
  ]);
  expect(runs.first + runs.second).toBe(3);
});

it('any other failure is thrown at once, and nothing of it stays', async () => {
  let runs = 0;
  const failing = test.database.transaction(async (tx) => {
    runs += 1;
    await tx.$executeRaw`create table left_behind ()`;
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(runs).toBe(1);
  const { rows } = await test.database.pool.query(`select to_regclass('left_behind') as found`);
  expect(rows).toEqual([{ found: null }]);
});

/** Ends a connection from outside, as Postgres does with all when it stops, and waits until it is gone. */
async function end(pid: number): Promise<void> {
  const { pool } = test.database;
  await pool.query('select pg_terminate_backend($1)', [pid]);
  for (let isThere = true; isThere;) {
    const { rowCount } = await pool.query('select from pg_stat_activity where pid = $1', [pid]);
    isThere = rowCount !== 0;
  }
}

it('a connection that is lost while it is held, and asked nothing, ends no process', async () => {
  const client = await test.database.pool.connect();
  const ended = new Promise((resolve) => client.once('end', resolve));
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  await end(rows[0]?.pid ?? 0);
  await ended;
  client.release(true);
  expect(await test.database.pool.query('select 1 as one')).toMatchObject({ rows: [{ one: 1 }] });
});

it('a connection that is lost between two statements, or within one, is reported as an unreachable database', async () => {
  const { database } = test;
  const pidOf = `select pg_backend_pid() as pid`;
  const between = database.transaction(async (tx) => {
    const [row] = await tx.$queryRawUnsafe<{ pid: number }[]>(pidOf);
    await end(row?.pid ?? 0);
    await tx.$executeRaw`select 1`;
  });
  await expect(between).rejects.toSatisfy(isUnreachable);
  const within = database.transaction(async (tx) => {
    const [row] = await tx.$queryRawUnsafe<{ pid: number }[]>(pidOf);
    await Promise.all([tx.$executeRaw`select pg_sleep(20)`, end(row?.pid ?? 0)]);
  });
  await expect(within).rejects.toSatisfy(isUnreachable);
});

it('the errors of the driver and Prisma for a lost connection are reported likewise', () => {
  for (const message of [
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'Raw query failed. Code: `N/A`. Message: `Server has closed the connection.`',
  ]) {
    expect(isUnreachable(new Error(message))).toBe(true);
  }
  expect(isUnreachable(new Error('a value is not a number'))).toBe(false);
});

it('a statement or a transaction that exceeds its limit is reported as a time-out, not as an outage', async () => {
  const { database } = test;
  const statement = database.transaction(async (tx) => {
    await tx.$executeRaw`set local statement_timeout = 10`;
    await tx.$executeRaw`select pg_sleep(20)`;
  });
  const transaction = database.prisma.$transaction(
    async (tx) => {
      await tx.$executeRaw`select pg_sleep(0.2)`;
      await tx.project.count();
    },
    { timeout: 50 },
  );
  for (const tooLong of [statement, transaction]) {
    const error: unknown = await tooLong.catch((reason: unknown) => reason);
    expect(error).toSatisfy(isTimeout);
    expect(error).not.toSatisfy(isUnreachable);
  }
});
