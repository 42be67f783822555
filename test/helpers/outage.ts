import type pg from 'pg';
import { vi } from 'vitest';

/** Runs `work` while the pool reaches no Postgres, as where the server is gone; then it is back. */
export async function withoutPostgres(pool: pg.Pool, work: () => Promise<void>): Promise<void> {
  await withFailingPostgres(pool, new Error('connect ECONNREFUSED 127.0.0.1:5432'), work);
}

/** Runs `work` while all that the pool is asked fails with `error`. */
export async function withFailingPostgres(
  pool: pg.Pool,
  error: Error,
  work: () => Promise<void>,
): Promise<void> {
  // `never`: the spies are typed after the callback forms, which nothing here uses.
  const refuse = () => Promise.reject(error) as never;
  const spies = [
    vi.spyOn(pool, 'query').mockImplementation(refuse),
    vi.spyOn(pool, 'connect').mockImplementation(refuse),
  ];
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
