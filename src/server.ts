import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildApp } from './app.ts';
import { type Background, startBackground } from './background.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { closeDeps, type Deps, openDeps } from './deps.ts';
import { createCache } from './entitlements/cache.ts';
import { applyMigrations } from './platform/migrate.ts';
import { withoutSecrets } from './platform/redaction.ts';

/** How long a graceful stop may take after the drain, milliseconds. */
const stopWithinMs = 10_000;

/** The process: settings → dependencies → migrations → routes → background → listen. */
async function main(): Promise<void> {
  const config = configOrExit();
  const deps = openDeps(config);
  dieAloud(deps);
  if (config.migrateOnStart) {
    const applied = await applyMigrations(config.databaseUrl);
    deps.logger.info({ applied }, 'the database is up to date');
  }
  const cache = createCache({ ...deps, cacheTtlSeconds: config.cacheTtlSeconds });
  const background: { current?: Background } = {};
  const app = await buildApp({
    ...deps,
    cache,
    wake: () => background.current?.wake(),
    jobsHealthy: (now) => background.current?.healthy(now) ?? false,
  });
  background.current = startBackground({ ...deps, cache });
  if (deps.redis === null) {
    deps.logger.warn('REDIS_URL is not set: every read goes to Postgres');
  }
  const drainMs = config.drainSeconds * 1_000;
  stopOnSignal(deps, drainMs + stopWithinMs, async (signal) => {
    // A person at the keyboard waits for nothing; an orchestrator's word needs a moment to get about.
    const drained = signal === 'SIGTERM' ? sleep(drainMs) : Promise.resolve();
    const ends = await Promise.allSettled([
      drained.then(() => app.close()),
      background.current?.stop(),
    ]);
    await closeDeps(deps);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });
  await app.listen({ host: config.host, port: config.port });
  deps.loopDelay.restart();
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
function dieAloud({ logger }: Deps): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error that nobody caught ends the process');
    process.exit(1);
  });
}

/** Node says nothing in the message of an error about several addresses of one host. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

await main().catch((error: unknown) => {
  process.stderr.write(`Latchkey cannot start: ${withoutSecrets(reasonOf(error))}\n`);
  process.exit(1);
});
