import { afterAll, beforeAll, expect, it } from 'vitest';
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
