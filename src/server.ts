import { buildApp } from './app.ts';
import { type Background, startBackground } from './background.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { closeDeps, type Deps, openDeps } from './deps.ts';
import { createCache } from './entitlements/cache.ts';
import { applyMigrations } from './platform/migrate.ts';

/** How long a graceful stop may take, milliseconds. */
const stopWithinMs = 10_000;

/** The process: settings → dependencies → migrations → routes → background → listen. */
async function main(): Promise<void> {
  const config = configOrExit();
  const deps = openDeps(config);
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
  stopOnSignal(deps, async () => {
    await app.close();
    await background.current?.stop();
    await closeDeps(deps);
  });
  await app.listen({ host: config.host, port: config.port });
}

function configOrExit(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** The first signal stops gracefully: what runs is finished, under a limit. The second stops at once. */
function stopOnSignal(deps: Deps, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    deps.logger.info({ signal }, 'stopping');
    setTimeout(() => {
      deps.logger.error('could not stop in time');
      process.exit(1);
    }, stopWithinMs).unref();
    stop().then(
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

/** Node says nothing in the message of an error about several addresses of one host. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

await main().catch((error: unknown) => {
  process.stderr.write(`Latchkey cannot start: ${reasonOf(error)}\n`);
  process.exit(1);
});
