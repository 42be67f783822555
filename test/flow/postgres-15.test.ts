import { Writable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { MovableClock } from '../../src/dev/clock.ts';
import { newSecrets } from '../../src/dev/home.ts';
import { createNarrator } from '../../src/dev/narrator.ts';
import { startStack } from '../../src/dev/stack.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { walk } from '../../src/dev/walk.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { inspectPostgres, oldestPostgres } from '../../src/platform/postgres-server.ts';

const started = new Started();
afterAll(() => started.stop());

/* The whole suite runs on it with TEST_POSTGRES=15; this keeps every run of the suite honest. */
it('the whole life of an entitlement works on the oldest PostgreSQL that is supported', async () => {
  const complaints: string[] = [];
  const log = new Writable({
    write(chunk: Buffer, _encoding, done) {
      complaints.push(chunk.toString());
      done();
    },
  });
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const clock = new MovableClock();
  const secrets = newSecrets();
  const stack = await startStack(
    {
      directory: await temporaryDirectory('postgres-15', started),
      persistent: false,
      major: 15,
      ports: { service: 0, sandbox: 0 },
      secrets,
      clock: clock.now,
      logger: createLogger('error', log),
    },
    started,
  );
  const { version } = await inspectPostgres(stack.databaseUrl);
  expect(Number.parseInt(version, 10)).toBe(oldestPostgres);
  const steps = await walk({
    serviceUrl: stack.serviceUrl,
    sandboxUrl: stack.sandboxUrl,
    adminKey: secrets.adminKey,
    stripeKey: secrets.stripeKey,
    cached: stack.redisUrl !== null,
    clock: {
      now: clock.now,
      async moveTo(instant) {
        clock.moveTo(instant);
        await Promise.resolve();
      },
    },
    narrator: createNarrator(nowhere),
  });
  expect(steps).toBeGreaterThan(10);
  expect(complaints).toEqual([]);
}, 180_000);
