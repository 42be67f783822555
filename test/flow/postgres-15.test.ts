import { Writable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { walkFreshStack } from '../../src/dev/fresh-walk.ts';
import { createNarrator } from '../../src/dev/narrator.ts';
import { Started } from '../../src/dev/started.ts';
import { inspectPostgres, oldestPostgres } from '../../src/platform/postgres-server.ts';

const started = new Started();
afterAll(() => started.stop());

/* TEST_POSTGRES=15 runs the whole suite on it; this walk is part of every run. */
it('the whole life of an entitlement works on the oldest PostgreSQL that is supported', async () => {
  const warnings: string[] = [];
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const { steps, stack } = await walkFreshStack(
    { name: 'postgres-15', narrator: createNarrator(silent), warnings, major: 15 },
    started,
  );
  const { version } = await inspectPostgres(stack.databaseUrl);
  expect(Number.parseInt(version, 10)).toBe(oldestPostgres);
  expect(steps).toBeGreaterThan(10);
  expect(warnings).toEqual([]);
}, 180_000);
