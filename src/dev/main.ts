/*
 * The program behind `npm run dev`: all of Latchkey on this machine, with data that survives a restart
 * (`--fresh` starts anew), until Ctrl-C.
 */
import { systemClock } from '../platform/clock.ts';
import { createLogger } from '../platform/logger.ts';
import { createDevLog } from './dev-log.ts';
import { greeting } from './greeting.ts';
import { emptyHome, homeDirectory, loadSecrets, saveSecrets, takeHome } from './home.ts';
import { paintFor } from './narrator.ts';
import { nextFreePort } from './ports.ts';
import { seedDemo } from './seed-demo.ts';
import { stopLeftover } from './postgres.ts';
import { databaseDirectory, startStack } from './stack.ts';
import { Started } from './started.ts';

/** Stripe's own stand-ins listen there too. */
const sandboxPort = 12_111;
const servicePort = 3_000;

const paint = paintFor(process.stdout);
// Until everything runs, only what goes wrong is of interest.
const logger = createLogger('warn', createDevLog(process.stdout));
const started = new Started();
started.endOnSignal({
  onSignal: () => {
    console.log('\nStopping …');
    // What is cut off complains, which is no news.
    logger.level = 'silent';
  },
  exitCode: 0,
});

async function main(fresh: boolean): Promise<void> {
  const home = homeDirectory();
  started.add(await takeHome(home));
  if (fresh) {
    await stopLeftover(databaseDirectory(home));
    await emptyHome(home);
  }
  const secrets = await loadSecrets(home);
  console.log('Starting PostgreSQL, a stand-in for Stripe, and Latchkey …');
  const stack = await startStack(
    {
      directory: home,
      persistent: true,
      ports: {
        service: await nextFreePort(servicePort),
        sandbox: await nextFreePort(sandboxPort),
      },
      secrets,
      clock: systemClock,
      logger,
    },
    started,
  );
  const seeded = await seedDemo(stack, secrets);
  await saveSecrets(home, { ...secrets, projectKey: seeded.projectKey });
  console.log(greeting({ ...stack, ...seeded, adminKey: secrets.adminKey, home }, paint));
  if (!started.stopping) logger.level = 'info';
}

try {
  await main(process.argv.includes('--fresh'));
} catch (error) {
  // A start that Ctrl-C cut off fails, too; that needs no words.
  if (!started.stopping) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    console.error(`\n${paint('red', 'The start failed.')} ${message}`);
    console.error(paint('dim', stack.slice(stack.indexOf('\n    at ') + 1)));
  }
  await started.stop();
  process.exit(1);
}
