import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startWorker } from '../../src/mirror/worker.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

it('a flood of news causes no flood of claims: a round is followed by a rest', async () => {
  const { deps, clock } = service;
  const begunAt: number[] = [];
  const { pool } = deps.database;
  const query = vi.spyOn(pool, 'query').mockImplementation(() => {
    begunAt.push(performance.now());
    // By the clock that the worker measures with, a claim takes so long that it rests for the maximum.
    clock.advance(100);
    return { rows: [] };
  });
  const worker = startWorker(deps);
  try {
    // Two claims a round, those of buyers and the others.
    while (begunAt.length < 6) {
      worker.wake();
      await turn();
    }
  } finally {
    await worker.stop();
    query.mockRestore();
  }
  const [first = 0, , second = 0, , third = 0] = begunAt;
  // Timers may fire a millisecond early.
  expect(second - first).toBeGreaterThan(248);
  expect(third - second).toBeGreaterThan(248);
});
