import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { syncAll } from '../../src/mirror/worker.ts';
import { firstPhase } from '../../src/reconciliation/phases.ts';
import { createRun } from '../../src/reconciliation/run-store.ts';
import { drainRuns } from '../../src/reconciliation/schedule.ts';
import { foundRun, reconcile } from '../helpers/reconciliation.ts';
import { expectOracle } from './convergence/comparison.ts';
import { historyArbitrary, play } from './convergence/history.ts';
import { openProject, openWorld, type World } from './convergence/world.ts';

/*
 * Webhooks that arrive during a run: one reconciliation after the other runs beside a random history of
 * purchases, refunds, renewals, grants, lost and late webhooks, dying workers and outages. In the end a
 * last one brings back what was lost, and every answer is the oracle's. More of them:
 * RECONCILIATION_HISTORIES=200 npx vitest run test/flow/reconciliation-interleaved.test.ts
 */

const runs = Number(process.env['RECONCILIATION_HISTORIES'] ?? 25);
const seed = process.env['CONVERGENCE_SEED'];
const everything = { projectId: null, userId: null };

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** Each history has a Stripe of its own: what the mirror holds of the one before is taken out. */
async function forgetMirror(): Promise<void> {
  await world.service.deps.database.pool.query(`
    truncate subscription_discounts, reconciliation_findings, reconciliation_runs, followed_objects, webhook_events,
      subscription_items, subscriptions, purchases, checkout_sessions, refunds, charges, disputes,
      invoice_payments, invoices, customers;
    update products set deleted = true, active = false;
    update prices set deleted = true, active = false;`);
}

/** Reconciles again and again until told to stop; returns how many runs that were. */
async function reconcileBeside(isOver: () => boolean): Promise<number> {
  const { deps } = world.service;
  const beside = {
    ...deps,
    stripeForReconciliation: deps.stripeInBackground,
    isStopped: () => false,
    pause: () => turn(),
  };
  let count = 0;
  for (; !isOver(); count += 1) {
    await createRun(deps, { ...everything, dryRun: false }, firstPhase(everything));
    await drainRuns(beside, 'beside');
  }
  return count;
}

/** The first run may have lost its way among faults; the second one finds nothing left. */
async function reconcileAtLast(): Promise<void> {
  const { service } = world;
  const last = await reconcile(service);
  expect(last).toMatchObject({ status: 'done', error: null });
  await syncAll(service.deps);
  const after = await foundRun(service, (await reconcile(service)).id);
  expect(after).toMatchObject({ status: 'done', findings: [] });
}

it(
  `${runs} random histories, reconciled all along, end in the entitlements of what Stripe says now`,
  { timeout: 60_000 + runs * 20_000 },
  async () => {
    let beside = 0;
    await fc.assert(
      fc.asyncProperty(historyArbitrary, async (history) => {
        await forgetMirror();
        const project = await openProject(world);
        let over = false;
        const reconciling = reconcileBeside(() => over);
        await play(world, project, history, () => Promise.resolve()).finally(() => {
          over = true;
        });
        beside += await reconciling;
        await reconcileAtLast();
        await expectOracle(world, project);
      }),
      {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
        endOnFailure: process.env['CONVERGENCE_SHRINK'] === undefined,
      },
    );
    expect(beside).toBeGreaterThanOrEqual(runs);
  },
);
