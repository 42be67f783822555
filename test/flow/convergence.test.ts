import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { expectOracle } from './convergence/comparison.ts';
import { historyArbitrary, play } from './convergence/history.ts';
import { openProject, openWorld, type World } from './convergence/world.ts';

/*
 * Promise 2, as a whole: for any history and any arrival of its events, the final answers are those of
 * Stripe's present state, the grants and the clock. Two instances take part, whose clocks differ and are set;
 * a change on one shows on the other (promise 3). The oracle reads the sandbox's objects and shares no code
 * with the service. More histories: npm run test:convergence -- --runs 5000
 */

const runs = Number(process.env['CONVERGENCE_RUNS'] ?? 150);
const seed = process.env['CONVERGENCE_SEED'];

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

it(
  `${runs} random histories end in the entitlements of what Stripe says now`,
  { timeout: 60_000 + runs * 30_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(historyArbitrary, async (history) => {
        const project = await openProject(world);
        await play(world, project, history);
        await expectOracle(world, project);
      }),
      {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
        // Smaller histories that fail alike are looked for, if asked: it takes long.
        endOnFailure: process.env['CONVERGENCE_SHRINK'] === undefined,
      },
    );
  },
);
