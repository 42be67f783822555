import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import { lockUsersAtBoundary } from '../../src/entitlements/users.ts';
import type { Tx } from '../../src/platform/database.ts';
import { planOf } from '../helpers/query-plan.ts';
import { startTwoProjects, type TwoProjects } from '../helpers/two-projects.ts';

/* A sweep of boundaries, which runs several times a second, finds users by an index. */

let world: TwoProjects;

const hour = 3_600_000;

beforeAll(async () => {
  world = await startTwoProjects({});
  const { pool } = world.service.deps.database;
  await pool.query(
    `insert into users (project_id, user_id, created_at, next_boundary_at)
     select 'notes', 'noisy_' || n, now(), $1::timestamptz + n * interval '1 ms'
     from generate_series(1, 20000) n`,
    [new Date(world.service.clock.now() + hour)],
  );
  await pool.query(
    `insert into users (project_id, user_id, created_at, next_boundary_at)
     select 'other', 'quiet_' || n, now(), $1 from generate_series(1, 20) n`,
    [new Date(world.service.clock.now() + 2 * hour)],
  );
  await pool.query('vacuum analyze users');
});
afterAll(() => world.service.close());

/** Returns how many rows of users the transaction has read. */
async function usersRead(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ read: number }[]>`
    select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables
    where relname = 'users'`;
  return row?.read ?? 0;
}

describe('a sweep of boundaries', () => {
  it('reads no user while none has reached a boundary', async () => {
    const { deps } = world.service;
    const sweep = (): Promise<unknown> => expect(sweepBoundaries(deps)).resolves.toBe(0);
    expect(await planOf(deps.database, sweep)).toEqual({
      mostRows: 0,
      indexes: ['users_next_boundary'],
    });
  });

  it('reads as many users as it locks, however many of another project are due', async () => {
    const now = world.service.clock.now() + 3 * hour;
    const { locked, read } = await world.service.deps.database.transaction(async (tx) => {
      const before = await usersRead(tx);
      const users = await lockUsersAtBoundary(tx, { now, limit: 10, failedBefore: 0 });
      return { locked: users, read: (await usersRead(tx)) - before };
    });
    expect(locked.map(({ projectId }) => projectId).toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => 'notes'),
      ...Array.from({ length: 5 }, () => 'other'),
    ]);
    expect(read).toBeLessThan(50);
  });
});
