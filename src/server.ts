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

/** Timeout of a graceful stop after the drain, milliseconds. */
const stopWithinMs = 10_000;

/** Runs the process: settings → dependencies → migrations → routes → background → listen. */
async function main(): Promise<void> {
  const config = configOrExit();
  const deps = openDeps(config);
  exitOnUncaught(deps);
  const stopped = new AbortController();
  const start = startUp(deps, stopped.signal);
  const drainMs = config.drainSeconds * 1_000;
  // Registered before startup is complete, because process 1 of a container ignores signals that have no
  // handler.
  stopOnSignal(deps, drainMs + stopWithinMs, async (signal) => {
    stopped.abort();
    const running = await start;
    if (running !== null) await endWork(running, signal === 'SIGTERM' ? drainMs : 0);
    await closeDeps(deps);
  });
  await start;
}

/** Starts the service. Returns null if the process was stopped before the service started. */
async function startUp(deps: Deps, stopped: AbortSignal): Promise<Running | null> {
  const { config, logger } = deps;
  logger.info(`Latchkey ${releaseVersion}, Node ${process.versions.node}`);
  const applied = await prepareDatabase(deps, stopped);
  if (stopped.aborted) return null;
  await refuseUnusableCache(config.redisUrl);
  await deps.databaseClock.measure().catch((error: unknown) => {
    logger.warn(
      { err: error },
      'could not read Postgres’ clock; using the machine’s clock until the next measurement',
    );
  });
  const running = await runService(deps);
  void logSurroundings(deps, applied);
  return running;
}

/**
 * Brings the database to this release's schema, if the settings allow it.
 *
 * @returns the names of the applied migrations.
 * @throws Error if the database cannot be used. An unreachable database only prevents the start if it must be
 *   migrated.
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

/** Rejects a wrong Redis address or password. An unreachable Redis does not prevent the start. */
async function refuseUnusableCache(redisUrl: string | undefined): Promise<void> {
  if (redisUrl === undefined) return;
  await inspectRedis(redisUrl).catch((error: unknown) => {
    if (error instanceof UnusableRedis) throw error;
  });
}

/**
 * Drains and stops the process.
 *
 * @param drainMs how long requests are still accepted. An orchestrator needs some time to reroute them.
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
 * Handles SIGTERM and SIGINT. The first signal stops gracefully: /ready fails immediately, so that the load
 * balancer sends requests elsewhere. Requests that still arrive are handled until the drain ends, with
 * `Connection: close`. Then running work is completed, within a time limit. A second signal exits
 * immediately.
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
      deps.logger.error('the process did not stop in time');
      process.exit(1);
    }, withinMs).unref();
    stop(signal).then(
      () => {
        deps.logger.info('stopped');
      },
      (error: unknown) => {
        deps.logger.error({ err: error }, 'the process did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/**
 * Logs an uncaught error and exits. Node would print all fields of the error, but the log redacts secrets.
 */
function exitOnUncaught({ logger }: Deps): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'exiting after an uncaught error');
    process.exit(1);
  });
}

await main().catch((error: unknown) => {
  process.stderr.write(`Latchkey cannot start: ${reasonOf(error)}\n`);
  process.exit(1);
});
