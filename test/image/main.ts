/*
 * The program behind `npm run image:check`: builds the Dockerfile and runs the image, without an engine or an
 * image registry, against a real PostgreSQL, a Redis and the stand-in for Stripe, through the steps of the
 * demo; and checks docker-compose.yml. Needs Linux and root. It removes everything that it created, except
 * for the base image in the system's temporary folder.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newSecrets, type Secrets } from '../../src/dev/home.ts';
import { createNarrator } from '../../src/dev/narrator.ts';
import { freePort } from '../../src/dev/ports.ts';
import { startPostgres } from '../../src/dev/postgres.ts';
import { findRedisServer, startRedis } from '../../src/dev/redis.ts';
import { Started } from '../../src/dev/started.ts';
import { walk } from '../../src/dev/walk.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { type Box, makeBox } from './box.ts';
import { checkCompose } from './compose.ts';
import { strangersIn } from './contents.ts';
import { installMissing, ProgramFailed, run } from './programs.ts';
import { startService } from './service.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const programs = ['buildah', 'debootstrap', 'redis-server', 'docker-compose'];

/** Bounds the whole check, in case something hangs. */
const limitMs = 20 * 60_000;

const started = new Started();
started.endOnSignal();

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Checks a condition on the image, and prints it. */
function right(statement: string, holds: boolean, otherwise = ''): void {
  if (!holds) throw new Error(`Failed: ${statement}\n${otherwise}`);
  say(`  ✓ ${statement}`);
}

async function checkContents({ buildah, container, config, files }: Box): Promise<void> {
  const app = path.join(files, config.WorkingDir);
  const strangers = await strangersIn(app, path.join(repository, 'package-lock.json'));
  right('it contains nothing for development', strangers.length === 0, strangers.join('\n'));
  const uid = (await buildah.exec(container, ['id', '-u'])).trim();
  right('it does not run as root', config.User === 'node' && uid !== '0', `uid ${uid}`);
  const writable = await buildah.exec(container, ['find', config.WorkingDir, '-writable']);
  right('it cannot write to its own files', writable.replace(/^.* -> .*$/gm, '').trim() === '');
  const managers = await buildah.exec(container, [
    ...['sh', '-c', 'for name in npm npx corepack yarn; do command -v $name || true; done'],
  ]);
  right('it contains no package manager', managers === '', managers);
  const size = (await run('du', ['-sm', app], 60_000)).split('\t')[0] ?? '';
  say(`    ${config.WorkingDir} takes ${size} MB`);
}

/** Invalid settings stop the process at once, and each is named. */
async function checkWrongSettings({ buildah, container, config }: Box): Promise<void> {
  const failure: unknown = await buildah
    .exec(container, [...config.Entrypoint, ...config.Cmd], {
      ADMIN_API_KEY: 'too-short',
      REDIS_URL: 'localhost',
    })
    .catch((error: unknown) => error);
  const output = failure instanceof ProgramFailed ? failure.output : '';
  const named = ['DATABASE_URL', 'REDIS_URL', 'STRIPE_SECRET_KEY', 'ADMIN_API_KEY'];
  right(
    'wrong settings stop it, and it names each of them',
    named.every((name) => output.includes(name)) && !output.includes('too-short'),
    output || String(failure),
  );
}

interface Surroundings {
  environment: Record<string, string>;
  serviceUrl: string;
  sandboxUrl: string;
  secrets: Secrets;
}

async function startSurroundings(): Promise<Surroundings> {
  const directory = await mkdtemp(path.join(tmpdir(), 'latchkey-image-'));
  started.add(() => rm(directory, { recursive: true, force: true }));
  const postgres = await startPostgres({
    dataDirectory: path.join(directory, 'postgres'),
    persistent: false,
    settings: { fsync: 'off' },
  });
  started.add(() => postgres.stop());
  const program = findRedisServer();
  if (program === undefined) throw new Error('redis-server is not on the PATH.');
  const redis = await startRedis(program);
  started.add(() => redis.stop());
  const port = await freePort();
  const serviceUrl = `http://127.0.0.1:${port}`;
  const secrets = newSecrets();
  const sandbox = await startSandbox({ secretKey: secrets.stripeKey });
  started.add(() => sandbox.close());
  return {
    serviceUrl,
    sandboxUrl: sandbox.url,
    secrets,
    environment: {
      DATABASE_URL: postgres.url('postgres'),
      REDIS_URL: redis.url,
      STRIPE_SECRET_KEY: secrets.stripeKey,
      STRIPE_API_BASE: sandbox.url,
      ADMIN_API_KEY: secrets.adminKey,
      PORT: String(port),
    },
  };
}

/** The first step into production: the image creates the endpoint, and prints the only missing secret. */
async function makeEndpoint(
  { buildah, container, config }: Box,
  { environment, serviceUrl }: Surroundings,
): Promise<string> {
  const url = `${serviceUrl}/api/v1/webhooks/stripe`;
  const { STRIPE_SECRET_KEY = '', STRIPE_API_BASE = '' } = environment;
  const printed = await buildah.exec(
    container,
    [...config.Entrypoint, 'stripe:endpoint', url],
    // No other setting exists at this step.
    { STRIPE_SECRET_KEY, STRIPE_API_BASE, STRIPE_WEBHOOK_SECRETS: '' },
  );
  const secret = /^STRIPE_WEBHOOK_SECRETS=(whsec_\S+)$/m.exec(printed)?.[1];
  right('it creates the webhook endpoint before the secret exists', secret !== undefined, printed);
  return secret ?? '';
}

/** From an empty database to shutdown, with the whole demo in between. */
async function checkLife(box: Box): Promise<void> {
  const { buildah, container, config, files } = box;
  const surroundings = await startSurroundings();
  const { serviceUrl, sandboxUrl, secrets } = surroundings;
  const environment = {
    ...surroundings.environment,
    STRIPE_WEBHOOK_SECRETS: await makeEndpoint(box, surroundings),
  };
  const mark = path.join(files, 'started');
  await writeFile(mark, '');
  const service = await startService(box, environment, serviceUrl);
  started.add(() => service.stop());
  right('it migrates an empty database and becomes ready', true);
  const healthCheck = config.Healthcheck.Test.slice(1);
  await buildah.exec(container, healthCheck, environment);
  right('its health check passes', true);
  await buildah.exec(container, [...config.Entrypoint, 'doctor'], environment);
  right('its doctor finds no failure', true);
  const steps = await walk({
    serviceUrl,
    sandboxUrl,
    adminKey: secrets.adminKey,
    stripeKey: secrets.stripeKey,
    cached: true,
    clock: null,
    narrator: createNarrator(process.stdout),
  }).catch((error: unknown) => {
    process.stderr.write(`${service.log()}\n`);
    throw error;
  });
  say('');
  right(`all ${steps} steps of the demo pass`, true);
  right('SIGTERM stops it in order', (await service.stop()) === 0, service.log());
  const healthy = await buildah.exec(container, healthCheck, environment).then(
    () => true,
    () => false,
  );
  right('its health check fails once it has stopped', !healthy);
  const findWritten = [files, '-xdev', '-newer', mark, '-type', 'f', '-user', '1000'];
  const written = await run('find', findWritten, 60_000);
  right(
    'it wrote nothing to disk, so a read-only file system is sufficient',
    written === '',
    written,
  );
}

async function main(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('The image check builds without an engine, and needs Linux and root for that.');
  }
  await installMissing(programs);
  say('docker-compose.yml');
  await checkCompose(repository);
  right('it is valid, alone and with the sample proxy, and names missing variables', true);
  say('Dockerfile (the first time, a base image is made, too) …');
  const box = await makeBox(repository, started);
  await checkContents(box);
  await checkWrongSettings(box);
  await checkLife(box);
}

const limit = setTimeout(() => {
  process.stderr.write(`The image check took more than ${limitMs / 60_000} minutes.\n`);
  void started.stop().finally(() => process.exit(1));
}, limitMs);
try {
  await main();
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  clearTimeout(limit);
  await started.stop();
}
