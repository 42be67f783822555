import fastify from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { App } from '../../../src/http/app-types.ts';
import { installFairShares } from '../../../src/http/fair-shares.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createPace } from '../../../src/platform/pace.ts';

/* A project on an event loop that is always busy, beside another one: the pace is at its minimum. */

let app: App;
let answered: { reads: number; checkouts: number };
/** Lets time pass while the other project stays active. */
let play: (ms: number) => Promise<void>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let now = 0;
  const pace = createPace(
    () => now,
    () => ({ active: now, idle: 0 }),
  );
  play = async (ms) => {
    for (const end = now + ms; now < end;) {
      now += 5;
      pace.note('another');
      vi.advanceTimersByTime(5);
      await turn();
    }
  };
  answered = { reads: 0, checkouts: 0 };
  app = fastify().withTypeProvider<ZodTypeProvider>();
  installFairShares(app, { metrics: createMetrics(), pace, tenantOf: () => 'notes' });
  app.get('/read', { config: { auth: 'read' } }, () => (answered.reads += 1));
  app.post('/buy', { config: { auth: 'checkout' } }, () => (answered.checkouts += 1));
  await app.ready();
  for (; now < 3_000; now += 10) pace.admits('another', 0);
});
afterEach(async () => {
  vi.useRealTimers();
  await app.close();
});

it('a project whose reads wait for a busy process delays no buyer of its own', async () => {
  const reads = Array.from({ length: 100 }, () => app.inject('/read'));
  await play(1_000);
  const bought = app.inject({ method: 'POST', url: '/buy' });
  await play(1_000);
  expect(answered.checkouts).toBe(1);
  expect(answered.reads).toBeLessThan(100);
  expect((await bought).statusCode).toBe(200);
  await play(5_000);
  await Promise.all(reads);
});

it('a checkout, which mostly waits for Stripe, is charged a quarter of a read', async () => {
  const all = [
    ...Array.from({ length: 100 }, () => app.inject('/read')),
    ...Array.from({ length: 100 }, () => app.inject({ method: 'POST', url: '/buy' })),
  ];
  await play(4_000);
  // One unit was saved, and two are gained per second.
  expect(answered.reads).toBeGreaterThanOrEqual(8);
  expect(answered.reads).toBeLessThanOrEqual(10);
  expect(answered.checkouts).toBeGreaterThanOrEqual(32);
  expect(answered.checkouts).toBeLessThanOrEqual(40);
  await play(5_000);
  await Promise.all(all);
});
