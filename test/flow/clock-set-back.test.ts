import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { sweepPendingCache } from '../../src/entitlements/refresh/sweeps.ts';
import { createClockWatch, settleClock } from '../../src/ops/clock-watch.ts';
import type { DatabaseClock } from '../../src/platform/database-clock.ts';
import { takeRequest } from '../../src/platform/stripe-budget.ts';
import { claimQueued } from '../../src/webhook/sync-queue.ts';
import { grantExport, startGrantingService } from '../helpers/granting.ts';
import { type TestService, testStart } from '../helpers/service.ts';

/*
 * Postgres' clock is set back by 240 s, in the way of a process that measured it or of one that starts
 * later. What was stored before lies in the future then.
 */

const stepMs = 240_000;
let service: TestService;

beforeAll(async () => {
  service = await startGrantingService();
});
afterAll(() => service.close());

/** Postgres' clock says so. */
const settle = (at: number, measuredMs = 0): Promise<number> =>
  settleClock(service.deps.database, measuredMs, () => at);

async function want(id: string, columns: Record<string, number>): Promise<void> {
  const { pool } = service.deps.database;
  await pool.query(
    `insert into followed_objects (object_type, object_id, wanted, fetched, urgency, wanted_at)
     values ('customer', $1, 5, 0, 0, $2)`,
    [id, new Date(testStart)],
  );
  for (const [column, at] of Object.entries(columns)) {
    await pool.query(`update followed_objects set ${column} = $2 where object_id = $1`, [
      id,
      new Date(at),
    ]);
  }
}

async function claimedAt(now: number): Promise<string[]> {
  const claims = await claimQueued(service.deps.database, now, {
    limit: 10,
    of: 'all',
    quietMs: 0,
  });
  return claims.map(({ objectId }) => objectId).sort();
}

describe('a clock of Postgres that is set back by 240 s', () => {
  it('delays no retry, no lease of a killed worker and no new object', async () => {
    await want('cus_new', {});
    await want('cus_retried', { next_attempt_at: testStart + 30_000 });
    await want('cus_of_killed', { lease_until: testStart + 10_000 });
    expect(await settle(testStart)).toBe(0);
    const now = testStart - stepMs;
    expect(await settle(now)).toBe(stepMs);
    expect(await claimedAt(now)).toEqual(['cus_new']);
    expect(await claimedAt(now + 10_000)).toContain('cus_of_killed');
    expect(await claimedAt(now + 30_000)).toContain('cus_retried');
    expect(await settle(now + 30_000)).toBe(0);
  });

  it('moves, too, what an instance stored that had not measured it yet', async () => {
    const now = testStart - stepMs;
    await settle(now);
    await want('cus_late', { next_attempt_at: testStart + 1_000 });
    expect(await settle(now + 5_000, stepMs)).toBe(stepMs);
    expect(await claimedAt(now + 5_000)).toContain('cus_late');
  });

  it('stops no checkout: the budget of requests to Stripe flows on', async () => {
    const bucket = [{ name: 'all', perSecond: 10 }];
    const { database } = service.deps;
    await settle(testStart);
    while ((await takeRequest(database, bucket, testStart)) === 0);
    const now = testStart - stepMs;
    await settle(now);
    expect(await takeRequest(database, bucket, now)).toBeGreaterThan(0);
    expect(await takeRequest(database, bucket, now + 1_000)).toBe(0);
  });

  it('leaves no cache untold', async () => {
    const { cache } = service.deps;
    service.clock.set(testStart);
    await settle(testStart);
    await grantExport(
      service,
      { projectId: 'notes', userId: 'u_untold' },
      { ...cache, forget: () => Promise.resolve() },
    );
    service.clock.set(testStart - stepMs);
    await settle(testStart - stepMs);
    service.clock.advance(2_000);
    expect(await sweepPendingCache(service.deps)).toBe(1);
    service.clock.set(testStart);
  });
});

describe('a machine whose clock is off', () => {
  const off: DatabaseClock = {
    now: () => service.clock.now(),
    offsetMs: () => -1_500,
    measure: () => Promise.resolve(0),
  };

  it('reports it in the metrics and at /ready, and keeps running', async () => {
    const { deps } = service;
    await createClockWatch({ ...deps, databaseClock: off })();
    expect(await deps.metrics.registry.metrics()).toContain('latchkey_clock_offset_seconds -1.5');
    const app = await buildApp({ ...deps, databaseClock: off });
    const ready = await app.inject({ method: 'GET', url: '/ready' });
    expect(ready.statusCode).toBe(200);
    expect(ready.json()).toMatchObject({ status: 'degraded', checks: { clock: 'off' } });
    const right = await service.app.inject({ method: 'GET', url: '/ready' });
    expect(right.json()).toMatchObject({ checks: { clock: 'ok' } });
  });
});
