import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/*
 * Two kinds of tests: `unit` needs nothing but Node, `integration` runs against a real PostgreSQL and
 * Redis that test/setup/services.ts finds or starts. One alone: `npx vitest run --project unit`.
 */
export default defineConfig({
  test: {
    // Workers wait for Postgres much of the time, so two are useful even on one core; each of them
    // costs about 200 MB, so a large machine does not get one per core.
    maxWorkers: Math.min(6, Math.max(2, availableParallelism())),
    reporters: ['default', './test/setup/totals.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Random inputs take a while on a busy machine.
          testTimeout: 20_000,
          typecheck: {
            enabled: true,
            include: ['test/**/*.test-d.ts'],
            tsconfig: './tsconfig.json',
            // Errors elsewhere are what `npm run typecheck` is for.
            ignoreSourceErrors: true,
          },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/routes/**/*.test.ts', 'test/flow/**/*.test.ts'],
          globalSetup: ['./test/setup/services.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
});
