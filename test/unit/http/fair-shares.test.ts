import fastify from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import type { App } from '../../../src/http/app-types.ts';
import { installFairShares } from '../../../src/http/fair-shares.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createPace } from '../../../src/platform/pace.ts';

it('a project whose reads wait for a busy process delays no buyer of its own', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let now = 0;
  const pace = createPace(
    () => now,
    () => ({ active: now, idle: 0 }),
  );
  const app: App = fastify().withTypeProvider<ZodTypeProvider>();
  try {
    installFairShares(app, { metrics: createMetrics(), pace, laneOf: () => 'notes' });
    const answered = { reads: 0, checkouts: 0 };
    app.get('/read', { config: { auth: 'read' } }, () => (answered.reads += 1));
    app.post('/buy', { config: { auth: 'checkout' } }, () => (answered.checkouts += 1));
    const play = async (ms: number): Promise<void> => {
      for (const end = now + ms; now < end;) {
        now += 5;
        pace.note('another');
        vi.advanceTimersByTime(5);
        await turn();
      }
    };
    await app.ready();
    // The pace is at its minimum.
    for (; now < 3_000; now += 10) pace.admits('another', 0);
    const reads = Array.from({ length: 100 }, () => app.inject('/read'));
    await play(1_000);
    const bought = app.inject({ method: 'POST', url: '/buy' });
    await play(1_000);
    expect(answered.checkouts).toBe(1);
    expect(answered.reads).toBeLessThan(100);
    expect((await bought).statusCode).toBe(200);
    await play(5_000);
    await Promise.all(reads);
  } finally {
    vi.useRealTimers();
    await app.close();
  }
});
