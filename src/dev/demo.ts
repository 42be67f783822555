/*
 * Implements `npm run demo`: runs an entitlement's whole life cycle on temporary data and checks every
 * response. Exits with 0 only if all of them are correct.
 */
import { walkFreshStack } from './fresh-walk.ts';
import { createNarrator, paintFor } from './narrator.ts';
import { findRedisServer } from './redis.ts';
import { Started } from './started.ts';
import { StepFailed } from './walk.ts';

const paint = paintFor(process.stdout);
const startedAt = performance.now();
const started = new Started();
started.endOnSignal();

/** The service's log lines, shown if the walk fails. */
const warnings: string[] = [];

async function main(): Promise<void> {
  console.log(paint('bold', '\nLatchkey: what may this user use, right now?'));
  console.log('    Starting PostgreSQL, a stand-in for Stripe, and the service …');
  if (findRedisServer() === undefined) {
    console.log('    No redis-server on the PATH: the service runs without its cache.');
  }
  const narrator = createNarrator(process.stdout);
  const { steps } = await walkFreshStack({ name: 'demo', narrator, warnings }, started);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(
    `\n${paint('green', paint('bold', `All ${steps} steps passed`))}, in ${seconds} s. ` +
      'To keep it running: npm run dev\n',
  );
}

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  // A walk that Ctrl-C interrupts also fails, but needs no message.
  if (!started.stopping) {
    console.error(`\n${paint('red', '✗')}`, error instanceof StepFailed ? error.message : error);
    if (warnings.length > 0) console.error(`\nThe service's log:\n${warnings.join('')}`);
  }
} finally {
  await started.stop();
}
