import { vi } from 'vitest';
import type { Database } from '../../src/platform/database.ts';

type Pools = Pick<Database, 'pool' | 'reservedPool' | 'pipelinedPool'>;

/** Runs `work` while no pool reaches Postgres, as if the server were down. */
export async function withoutPostgres(database: Pools, work: () => Promise<void>): Promise<void> {
  await withFailingPostgres(database, new Error('connect ECONNREFUSED 127.0.0.1:5432'), work);
}

/** Runs `work` while every query of the pools fails with `error`. */
export async function withFailingPostgres(
  { pipelinedPool, pool, reservedPool }: Pools,
  error: Error,
  work: () => Promise<void>,
): Promise<void> {
  // `never`: the spies are typed after the callback forms, which nothing here uses.
  const refuse = () => Promise.reject(error) as never;
  const spies = [pool, reservedPool, pipelinedPool].flatMap((each) => [
    vi.spyOn(each, 'query').mockImplementation(refuse),
    vi.spyOn(each, 'connect').mockImplementation(refuse),
  ]);
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
