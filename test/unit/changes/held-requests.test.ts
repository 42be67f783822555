import type { FastifyRequest } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { createHeldRequests, type HeldRequests } from '../../../src/changes/held-requests.ts';
import type { Database } from '../../../src/platform/database.ts';
import { createLifecycle } from '../../../src/platform/lifecycle.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';

const opened: HeldRequests[] = [];
afterEach(() => Promise.all(opened.splice(0).map((held) => held.stop())));

function open(maxStreams: number) {
  const lifecycle = createLifecycle();
  const metrics = createMetrics();
  const held = createHeldRequests({
    ...{ lifecycle, metrics, maxStreams, clock: () => 0, logger: createLogger('silent') },
    database: {} as Database, // read only by the check of keys, which first runs after these tests
  });
  opened.push(held);
  /** Reserves slots for requests of a key of a project. */
  const reserve = (projectId: string | null, count: number, actor = `key of ${projectId}`) =>
    Array.from(
      { length: count },
      () =>
        held.reserve({
          caller: { actor, projectId, scopes: new Set() },
        } as unknown as FastifyRequest), // `reserve` reads only the caller
    );
  const taken = async () => (await metrics.changeStreams.get()).values[0]?.value;
  return { lifecycle, reserve, taken };
}

it('the project that holds the most gives up its newest slot, until shares are equal', async () => {
  const { reserve, taken } = open(6);
  const noisy = reserve('noisy', 6);
  const quiet = reserve('quiet', 3);
  expect(noisy.map((slot) => slot.reason())).toEqual([
    ...[null, null, null],
    ...['crowded_out', 'crowded_out', 'crowded_out'],
  ]);
  expect(noisy.map(({ ended }) => ended.aborted)).toEqual([false, false, false, true, true, true]);
  expect(quiet.map((slot) => slot.reason())).toEqual([null, null, null]);
  for (const project of ['noisy', 'quiet']) {
    expect(() => reserve(project, 1)).toThrow('already holds 6');
  }
  expect(await taken()).toBe(6);
});

it('a project that is alone gets no slot above the maximum, and those that were released', async () => {
  const { reserve, taken } = open(2);
  const [first] = reserve('only', 2);
  expect(() => reserve('only', 1)).toThrow('already holds 2');
  first?.release();
  first?.release();
  expect(await taken()).toBe(1);
  reserve('only', 1);
  expect(() => reserve('only', 1)).toThrow('already holds 2');
});

it('one key holds at most 100, whatever another key of the project holds', () => {
  const { reserve } = open(1_000);
  reserve('notes', 100, 'one');
  expect(() => reserve('notes', 1, 'one')).toThrow('already holds 100');
  reserve('notes', 1, 'other');
});

it('a process that stops ends what it holds, and what comes afterwards at once', () => {
  const { lifecycle, reserve } = open(10);
  const [before] = reserve('notes', 1);
  lifecycle.beginStop();
  const [after] = reserve('notes', 1);
  for (const slot of [before, after]) {
    expect([slot?.reason(), slot?.ended.aborted]).toEqual(['stopping', true]);
  }
});
