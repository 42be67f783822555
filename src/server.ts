import './platform/node-version.ts';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { closeDeps, type Deps, openDeps } from './deps.ts';
import { logSurroundings } from './doctor/start-log.ts';
import { applyMigrations } from './platform/migrate.ts';
import { inspectPostgres, UnusableDatabase } from './platform/postgres-server.ts';
import { reasonOf } from './platform/redaction.ts';
import { inspectRedis, UnusableRedis } from './platform/redis.ts';
import { releaseVersion } from './platform/release.ts';
import { type Running, runService } from './run-service.ts';

/** How long a graceful stop may take after the drain, milliseconds. */
const stopWithinMs = 10_000;

/** The process: settings → dependencies → migrations → routes → background → listen. */
async function main(): Promise<void> {
  const config = configOrExit();
  const deps = openDeps(config);
  exitOnUncaught(deps);
  const stopped = new AbortController();
  const start = startUp(deps, stopped.signal);
  const drainMs = config.drainSeconds * 1_000;
  // From the first moment on: the first process of a container dies of no signal that it does not handle.
  stopOnSignal(deps, drainMs + stopWithinMs, async (signal) => {
    stopped.abort();
    const running = await start;
    if (running !== null) await endWork(running, signal === 'SIGTERM' ? drainMs : 0);
    await closeDeps(deps);
  });
  await start;
}

/** Null where it was told to stop before there was anything to stop. */
async function startUp(deps: Deps, stopped: AbortSignal): Promise<Running | null> {
  const { config, logger } = deps;
  logger.info(`Latchkey ${releaseVersion}, Node ${process.versions.node}`);
  const applied = await prepareDatabase(deps, stopped);
  if (stopped.aborted) return null;
  await refuseUnusableCache(config.redisUrl);
  await deps.databaseClock.measure().catch((error: unknown) => {
    logger.warn(
      { err: error },
      'Postgres’ clock could not be read: until it can, the machine’s counts',
    );
  });
  const running = await runService(deps);
  deps.loopDelay.restart();
  void logSurroundings(deps, applied);
  return running;
}

/**
 * Brings the database to this release's schema where the settings say so.
 *
 * @returns the names of the migrations that were applied.
 * @throws Error where the database cannot be used. One that cannot be reached stops the start only where
 *   it is to be migrated.
 */
async function prepareDatabase(
  { config, logger }: Deps,
  stopped: AbortSignal,
): Promise<readonly string[]> {
  const { databaseUrl, migrateOnStart } = config;
  try {
    await inspectPostgres(databaseUrl);
  } catch (error) {
    if (migrateOnStart || error instanceof UnusableDatabase) throw error;
    return [];
  }
  if (!migrateOnStart) return [];
  return applyMigrations(databaseUrl, {
    stop: stopped,
    onWait: (text) => {
      logger.warn(text);
    },
  });
}

/** A Redis that is away is done without; one that is named wrongly stops the start. */
async function refuseUnusableCache(redisUrl: string | undefined): Promise<void> {
  if (redisUrl === undefined) return;
  await inspectRedis(redisUrl).catch((error: unknown) => {
    if (error instanceof UnusableRedis) throw error;
  });
}

/**
 * @param drainMs how long requests are still taken. A person at the keyboard waits for nothing; an
 *   orchestrator's word needs a moment to get about.
 */
async function endWork({ app, background }: Running, drainMs: number): Promise<void> {
  const ends = await Promise.allSettled([
    sleep(drainMs).then(() => app.close()),
    background.stop(),
  ]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function configOrExit(): Config {
  try {
    return loadConfig(process.env, (file) => readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/**
 * The first signal stops gracefully. /ready says so at once, so that whoever balances load sends requests
 * elsewhere; those that come all the same are answered until the drain is over, and told to close their
 * connection, so that none is sent on one that is about to be closed. Then what runs is finished, under
 * a limit. The second signal stops at once.
 */
function stopOnSignal(
  deps: Deps,
  withinMs: number,
  stop: (signal: NodeJS.Signals) => Promise<void>,
): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    deps.lifecycle.beginStop();
    deps.logger.info({ signal }, 'stopping');
    setTimeout(() => {
      deps.logger.error('could not stop in time');
      process.exit(1);
    }, withinMs).unref();
    stop(signal).then(
      () => {
        deps.logger.info('stopped');
      },
      (error: unknown) => {
        deps.logger.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Node would print what nobody caught, with all that is in it. The log takes secrets out. */
function exitOnUncaught({ logger }: Deps): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error that nobody caught ends the process');
    process.exit(1);
  });
}

await main().catch((error: unknown) => {
  process.stderr.write(`Latchkey cannot start: ${reasonOf(error)}\n`);
  process.exit(1);
});
