/*
 * The program behind `npm run demo`: everything on fresh data that is thrown away, and a walk through
 * the life of an entitlement, without a person. Ends with 0 only if every answer was right.
 */
import { Writable } from 'node:stream';
import { createLogger } from '../platform/logger.ts';
import { MovableClock } from './clock.ts';
import { newSecrets } from './home.ts';
import { createNarrator, paintFor } from './narrator.ts';
import { startStack } from './stack.ts';
import { Started } from './started.ts';
import { temporaryDirectory } from './temporary.ts';
import { StepFailed, walk } from './walk.ts';

const paint = paintFor(process.stdout);
const startedAt = performance.now();
const started = new Started();
started.endOnSignal();

/** What the service complained about, shown where the walk fails. */
const complaints: string[] = [];

async function main(): Promise<void> {
  console.log(paint('bold', '\nLatchkey: what may this user use, right now?'));
  console.log('    Starting PostgreSQL, a stand-in for Stripe, and the service …');
  const directory = await temporaryDirectory('demo', started);
  const clock = new MovableClock();
  const secrets = newSecrets();
  const log = new Writable({
    write(chunk: Buffer, _encoding, done) {
      complaints.push(chunk.toString());
      done();
    },
  });
  const stack = await startStack(
    {
      directory,
      persistent: false,
      ports: { service: 0, sandbox: 0 },
      secrets,
      clock: clock.now,
      logger: createLogger('warn', log),
    },
    started,
  );
  if (stack.redisUrl === null) {
    console.log('    There is no redis-server on the PATH: the service runs without its cache.');
  }
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
    narrator: createNarrator(process.stdout),
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(
    `\n${paint('green', paint('bold', `All ${steps} steps went right`))}, in ${seconds} s. ` +
      'Start it to stay with: npm run dev\n',
  );
}

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  // A walk that Ctrl-C cut off fails, too; that needs no words.
  if (!started.stopping) {
    console.error(`\n${paint('red', '✗')}`, error instanceof StepFailed ? error.message : error);
    if (complaints.length > 0) console.error(`\nThe service's log:\n${complaints.join('')}`);
  }
} finally {
  await started.stop();
}
