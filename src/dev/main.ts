/*
 * Implements `npm run dev`: runs all of Latchkey on this machine until Ctrl-C. The data survives a restart,
 * unless `--fresh` deletes it first.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createLatchkey } from '../client/index.ts';
import { systemClock } from '../platform/clock.ts';
import { createLogger } from '../platform/logger.ts';
import { createDevLog } from './dev-log.ts';
import { greeting } from './greeting.ts';
import { writeEnvFile } from './env-file.ts';
import {
  emptyHome,
  HomeLocked,
  homeDirectory,
  loadSecrets,
  lockHome,
  saveSecrets,
} from './home.ts';
import { paintFor } from './narrator.ts';
import { nextFreePort } from './ports.ts';
import { createQuickstart, type Features } from './quickstart-app.ts';
import { seedDemo } from './seed-demo.ts';
import { stopLeftover } from './postgres.ts';
import { databaseDirectory, startStack } from './stack.ts';
import { Started } from './started.ts';

/** The default port of Stripe's own mock server. */
const sandboxPort = 12_111;
const servicePort = 3_000;
const appPort = 4_000;

const paint = paintFor(process.stdout);
// Hides requests made during startup.
const logger = createLogger('warn', createDevLog(process.stdout));
const started = new Started();
started.endOnSignal({
  onSignal: () => {
    console.log('\nStopping …');
    // Interrupted requests would log errors.
    logger.level = 'silent';
  },
  exitCode: 0,
});

async function main(home: string, fresh: boolean): Promise<void> {
  started.add(await lockHome(home));
  if (fresh) {
    await stopLeftover(databaseDirectory(home));
    await emptyHome(home);
  }
  const secrets = await loadSecrets(home);
  console.log('Starting PostgreSQL, a stand-in for Stripe, and Latchkey …');
  const ports = {
    service: await nextFreePort(servicePort),
    sandbox: await nextFreePort(sandboxPort),
    app: await nextFreePort(appPort),
  };
  const stack = await startStack(
    {
      directory: home,
      persistent: true,
      ports,
      secrets,
      clock: systemClock,
      logger,
    },
    started,
  );
  const appUrl = `http://localhost:${ports.app}`;
  const seeded = await seedDemo(stack, appUrl, secrets);
  await startQuickstart(stack.serviceUrl, seeded.projectKey, ports.app);
  await saveSecrets(home, { ...secrets, projectKey: seeded.projectKey });
  const envFile = await writeEnvFile(home, {
    LATCHKEY: stack.serviceUrl,
    KEY: seeded.projectKey,
    // The names that an app and `npx latchkey types` read.
    LATCHKEY_URL: stack.serviceUrl,
    LATCHKEY_KEY: seeded.projectKey,
    ...stack.settings,
  });
  const portsInUse = [servicePort, sandboxPort, appPort].filter(
    (port) => !Object.values(ports).includes(port),
  );
  console.log(
    greeting({ ...secrets, ...stack, ...seeded, appUrl, home, envFile, portsInUse }, paint),
  );
  if (!started.stopping) logger.level = 'info';
}

/** Starts the quickstart app (docs/quickstart.md). */
async function startQuickstart(serviceUrl: string, key: string, port: number): Promise<void> {
  const latchkey = createLatchkey<Features>({ url: serviceUrl, key });
  started.add(() => latchkey.close());
  const app = createQuickstart(latchkey, `http://localhost:${port}`);
  started.add(() => app.close());
  await app.listen({ host: '127.0.0.1', port });
}

const { values: given } = parseArgs({
  options: { fresh: { type: 'boolean', default: false }, home: { type: 'string' } },
});

try {
  await main(given.home === undefined ? homeDirectory() : path.resolve(given.home), given.fresh);
} catch (error) {
  // A startup that Ctrl-C interrupts also fails, but needs no message.
  if (!started.stopping) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    console.error(`\n${paint('red', 'Startup failed:')} ${message}`);
    if (!(error instanceof HomeLocked)) {
      console.error(paint('dim', stack.slice(stack.indexOf('\n    at ') + 1)));
    }
  }
  await started.stop();
  process.exit(1);
}
