import { randomUUID } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { Started } from '../../src/dev/started.ts';
import { type PostgresMajor, startPostgres } from '../../src/dev/postgres.ts';
import { startRedis } from '../../src/dev/redis.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { applyMigrations } from '../../src/platform/migrate.ts';
import { systemProgram } from './system-program.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A database of the cluster from which others may be created and dropped. */
    databaseUrl: string;
    /** The name of the migrated database that each test file gets a clone of. */
    templateDatabase: string;
    redisUrl: string;
  }
}

/**
 * Finds or starts the services of the integration tests: those in `DATABASE_URL` and `REDIS_URL` if set,
 * otherwise private ones. Everything that it started ends with the run, also after a failure or Ctrl-C.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = new Started();
  started.endOnSignal();
  try {
    const databaseUrl = process.env['DATABASE_URL'] ?? (await ownPostgres(started));
    const redisUrl = process.env['REDIS_URL'] ?? (await ownRedis(started));
    project.provide('databaseUrl', databaseUrl);
    project.provide('templateDatabase', await createTemplate(databaseUrl, started));
    project.provide('redisUrl', redisUrl);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return () => started.stop();
}

async function ownPostgres(started: Started): Promise<string> {
  const directory = await temporaryDirectory('test', started);
  const postgres = await startPostgres({
    dataDirectory: path.join(directory, 'data'),
    major: majorOf(process.env['TEST_POSTGRES']),
    persistent: false,
    settings: {
      // Nothing here has to outlive a crash.
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '300',
    },
  });
  started.add(() => postgres.stop());
  return postgres.url('postgres');
}

/** Which PostgreSQL the tests run on: `TEST_POSTGRES=15` for the oldest that is supported. */
function majorOf(text = '18'): PostgresMajor {
  if (text === '15' || text === '18') return text === '15' ? 15 : 18;
  throw new Error(`TEST_POSTGRES must be 15 or 18, not ${text}.`);
}

async function ownRedis(started: Started): Promise<string> {
  const redis = await startRedis(systemProgram('redis-server'));
  started.add(() => redis.stop());
  return redis.url;
}

/**
 * The migrated database that is cloned for each test file. On Ctrl-C vitest ends before it can be dropped, so
 * a `latchkey_template_…` may remain on your own server (`DATABASE_URL`).
 */
async function createTemplate(databaseUrl: string, started: Started): Promise<string> {
  const name = `latchkey_template_${randomUUID().slice(0, 8)}`;
  await administer(databaseUrl, `create database ${name}`);
  started.add(() => administer(databaseUrl, `drop database if exists ${name} with (force)`));
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  await applyMigrations(url.href);
  return name;
}

async function administer(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
