import path from 'node:path';
import pg from 'pg';
import { type Config, loadConfig } from '../config.ts';
import { closeDeps, openDeps } from '../deps.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { applyMigrations } from '../platform/migrate.ts';
import { runService } from '../run-service.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import type { Secrets } from './home.ts';
import { freePort } from './ports.ts';
import { type PostgresMajor, startPostgres } from './postgres.ts';
import { findRedisServer, startRedis } from './redis.ts';
import type { Started } from './started.ts';

export interface StackOptions {
  /** The folder for the data of PostgreSQL and the sandbox. */
  directory: string;
  /**
   * Whether data is kept. Otherwise the database is deleted when it stops, and the sandbox stores nothing.
   */
  persistent: boolean;
  /** The PostgreSQL major version. Defaults to the newest. */
  major?: PostgresMajor;
  /** The ports of the service and the sandbox. 0 picks any free port. */
  ports: { service: number; sandbox: number };
  secrets: Secrets;
  /** The clock of the service and the sandbox, which the sandbox can advance. */
  clock: Clock;
  logger: Logger;
}

export interface Stack {
  serviceUrl: string;
  sandboxUrl: string;
  databaseUrl: string;
  /** Null if this machine has no `redis-server`. The service then runs without a cache. */
  redisUrl: string | null;
  sandbox: Sandbox;
  /** The service's settings, as environment variables. */
  settings: Record<string, string>;
}

/**
 * Starts Latchkey and its dependencies, in this process and in child processes. Registers each in `started`
 * immediately, so that a failed startup stops what already runs.
 */
export async function startStack(options: StackOptions, started: Started): Promise<Stack> {
  const databaseUrl = await startDatabase(options, started);
  const redisUrl = await startCache(started);
  const port = options.ports.service === 0 ? await freePort() : options.ports.service;
  const serviceUrl = `http://localhost:${port}`;
  const sandbox = await startSandbox({
    port: options.ports.sandbox,
    now: options.clock,
    secretKey: options.secrets.stripeKey,
    endpoints: [
      {
        url: `http://127.0.0.1:${port}/api/v1/webhooks/stripe`,
        secret: options.secrets.webhookSecret,
      },
    ],
    ...(options.persistent ? { stateFile: path.join(options.directory, 'sandbox.json') } : {}),
  });
  started.add(() => sandbox.close());
  const settings = {
    DATABASE_URL: databaseUrl,
    // An empty setting counts as unset.
    REDIS_URL: redisUrl ?? '',
    STRIPE_SECRET_KEY: options.secrets.stripeKey,
    STRIPE_WEBHOOK_SECRETS: options.secrets.webhookSecret,
    STRIPE_API_BASE: sandbox.url,
    ADMIN_API_KEY: options.secrets.adminKey,
    METRICS_TOKEN: options.secrets.metricsToken,
    // Its line breaks are escaped, because an env file has one setting per line.
    SIGNING_KEYS: options.secrets.signingKey.replaceAll('\n', '\\n'),
    PUBLIC_URL: serviceUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
  };
  // Advancing the sandbox's clock also advances the service's.
  const { logger } = options;
  await startService(loadConfig(settings), { logger, clock: () => sandbox.clock.now() }, started);
  return { serviceUrl, sandboxUrl: sandbox.url, databaseUrl, redisUrl, sandbox, settings };
}

/** Returns PostgreSQL's data folder. */
export function databaseDirectory(directory: string): string {
  return path.join(directory, 'postgres');
}

async function startDatabase(options: StackOptions, started: Started): Promise<string> {
  const postgres = await startPostgres({
    dataDirectory: databaseDirectory(options.directory),
    persistent: options.persistent,
    settings: options.persistent ? {} : { fsync: 'off' },
    ...(options.major === undefined ? {} : { major: options.major }),
  });
  started.add(() => postgres.stop());
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query(`select from pg_database where datname = 'latchkey'`);
    if (rowCount === 0) await client.query('create database latchkey');
  } finally {
    await client.end();
  }
  const url = postgres.url('latchkey');
  await applyMigrations(url);
  return url;
}

async function startCache(started: Started): Promise<string | null> {
  const program = findRedisServer();
  if (program === undefined) return null;
  const redis = await startRedis(program);
  started.add(() => redis.stop());
  return redis.url;
}

/** Starts the service as src/server.ts does, but with the given clock and logger. */
async function startService(
  config: Config,
  overrides: { clock: Clock; logger: Logger },
  started: Started,
): Promise<void> {
  const deps = openDeps(config, overrides);
  started.add(() => closeDeps(deps));
  const { app, background } = await runService(deps);
  started.add(() => background.stop());
  started.add(() => app.close());
}
