/*
 * Runs one full reconciliation in a separate process, with the real clock and the real budget. Prints its
 * cost to standard output, as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config.ts';
import { closeDeps, openDeps } from '../../src/deps.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import { firstPhase } from '../../src/reconciliation/phases.ts';
import { createRun } from '../../src/reconciliation/run-store.ts';
import { drainRuns } from '../../src/reconciliation/schedule.ts';
import { foundRun } from './reconciliation.ts';

const deps = openDeps(loadConfig(process.env));
const cache = createCache({ ...deps, cacheTtlSeconds: deps.config.cacheTtlSeconds });
const everything = { projectId: null, userId: null };

const { id } = await createRun(deps, { ...everything, dryRun: false }, firstPhase(everything));
const startedAt = performance.now();
await drainRuns(
  { ...deps, cache, isStopped: () => false, pause: (ms: number) => sleep(ms) },
  'process',
);
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(
  JSON.stringify({
    ...(await foundRun({ deps }, id)),
    seconds,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  }),
);
await closeDeps(deps);
