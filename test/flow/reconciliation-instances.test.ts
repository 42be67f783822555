import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../src/platform/logger.ts';
import { firstPhase } from '../../src/reconciliation/phases.ts';
import { claimRun, createSlotRun, progressOf } from '../../src/reconciliation/run-store.ts';
import { resumeRun } from '../../src/reconciliation/resume-run.ts';
import { drainRuns } from '../../src/reconciliation/schedule.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Many instances: one makes the run of a slot, one works on it, and another one goes on where it died.
 */

const everything = firstPhase({ projectId: null, userId: null });
const slot = new Date(testStart);

// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

/** Looks like a lost database, after which nothing is written any more. */
class Killed extends Error {
  constructor() {
    super('Connection terminated');
  }
}

/** An instance, which may die at its first wait. */
function instance(dies = false) {
  const { deps } = shop.service;
  return {
    ...deps,
    stripeForReconciliation: deps.stripeInBackground,
    isStopped: () => false,
    pause: () => (dies ? Promise.reject(new Killed()) : Promise.resolve()),
  };
}

function loadRuns() {
  return shop.service.deps.database.prisma.reconciliationRun.findMany({
    orderBy: { startedAt: 'asc' },
  });
}

describe('the run of a slot', () => {
  it('is made once, however many instances fire at the same time', async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, () => createSlotRun(shop.service.deps, slot, everything)),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await loadRuns()).toMatchObject([{ slot, status: 'running' }]);
  });

  it('is worked on by one of two instances, and is not made again', async () => {
    await createSlotRun(shop.service.deps, slot, everything);
    const before = shop.sandbox.requests.length;
    await Promise.all([drainRuns(instance(), 'first'), drainRuns(instance(), 'second')]);
    expect(await loadRuns()).toMatchObject([{ slot, status: 'done', error: null }]);
    const accounts = shop.sandbox.requests
      .slice(before)
      .filter(({ endpoint }) => endpoint === 'GET /v1/account');
    expect(accounts).toHaveLength(1);
    expect(await createSlotRun(shop.service.deps, slot, everything)).toBe(false);
  });

  it('is left out while another one is under way', async () => {
    await createSlotRun(shop.service.deps, slot, everything);
    const next = new Date(testStart + 3_600_000);
    expect(await createSlotRun(shop.service.deps, next, everything)).toBe(false);
  });
});

describe('an instance that dies', () => {
  it('leaves its run to another one, which goes on where it stopped and finishes it', async () => {
    const { deps, clock } = shop.service;
    await shop.sandbox.seed({
      count: 3,
      prices: [shop.prices.pro],
      metadata: { project_id: 'notes', user_id: 'u{n}' },
    });
    await createSlotRun(deps, slot, everything);
    shop.sandbox.faults.api({ path: '/v1/subscriptions', status: 500, times: 1 });
    await expect(drainRuns(instance(true), 'first')).rejects.toThrow(Killed);
    const [stopped] = await loadRuns();
    if (stopped === undefined) throw new Error('there is no run');
    expect(progressOf(stopped).phase).not.toBe('catalog');

    expect(await claimRun(deps, 'second')).toBeNull();
    clock.advance(60_000);
    const asked = shop.sandbox.requests.length;
    await drainRuns(instance(), 'second');
    expect(await loadRuns()).toMatchObject([{ status: 'done', error: null }]);
    const endpoints = shop.sandbox.requests.slice(asked).map(({ endpoint }) => endpoint);
    expect(endpoints).toContain('GET /v1/subscriptions');
    expect(endpoints).not.toContain('GET /v1/products');
    expect(await shop.entitled('u2')).toEqual({ export: true, notebooks: 10 });
  });

  it('and comes back after another one took over, writes nothing more to the run', async () => {
    const { deps, clock } = shop.service;
    await createSlotRun(deps, slot, everything);
    const run = await claimRun(deps, 'first');
    if (run === null) throw new Error('there is no run');
    clock.advance(60_000);
    await drainRuns(instance(), 'second');
    await resumeRun(instance(), run, 'first');
    const [ended] = await loadRuns();
    expect(ended).toMatchObject({ status: 'done' });
    expect(ended?.finishedAt?.getTime()).toBe(clock.now());
  });

  it('gives its run back when it stops in order', async () => {
    const { deps } = shop.service;
    await createSlotRun(deps, slot, everything);
    const run = await claimRun(deps, 'first');
    if (run === null) throw new Error('there is no run');
    await resumeRun({ ...instance(), isStopped: () => true }, run, 'first');
    expect(await claimRun(deps, 'second')).toMatchObject({ id: run.id });
  });
});

it('the week is summed up once, in one line of the log', async () => {
  const { deps, clock } = shop.service;
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line) => lines.push(line) });
  for (let hour = 0; hour < 3; hour += 1) {
    await shop.advanceTo(testStart + hour * 3_600_000);
    await createSlotRun(deps, new Date(clock.now()), everything);
    await drainRuns({ ...instance(), logger }, 'first');
  }
  const week = lines.filter((line) => line.includes('the last seven days'));
  expect(week).toHaveLength(1);
  expect(JSON.parse(week[0] ?? '')).toMatchObject({ runs: { done: 1 }, findings: {} });
});
