import type pg from 'pg';
import { vi } from 'vitest';

/** Runs `work` while the pool reaches no Postgres, as where the server is gone; then it is back. */
export async function withoutPostgres(pool: pg.Pool, work: () => Promise<void>): Promise<void> {
  // `never`: the spies are typed after the callback forms, which nothing here uses.
  const refuse = () => Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:5432')) as never;
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
