import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { applyMigrations } from '../../src/platform/migrate.ts';
import { migrationLock } from '../../src/platform/migration-lock.ts';
import { releaseVersion } from '../../src/platform/release.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

/* The real process at its start: its log, and what it refuses to start on. */

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const secretKey = 'sk_test_start';
let sandbox: Sandbox;
let started: Started;

beforeAll(async () => {
  sandbox = await startSandbox({ secretKey, delivery: 'manual' });
});
afterAll(() => sandbox.close());
afterEach(() => started.stop());

/** An empty database, dropped when the test ends. */
async function createDatabase(): Promise<string> {
  started = new Started();
  const name = `latchkey_test_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  await query(inject('databaseUrl'), `create database ${name}`);
  started.add(() => query(inject('databaseUrl'), `drop database ${name} with (force)`));
  return url.href;
}

async function query(databaseUrl: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function settings(overrides: Record<string, string>): Promise<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    REDIS_URL: inject('redisUrl'),
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_WEBHOOK_SECRETS: 'whsec_test_secret',
    STRIPE_API_BASE: sandbox.url,
    ADMIN_API_KEY: 'test_admin_key_of_more_than_32_characters',
    HOST: '127.0.0.1',
    PORT: String(await freePort()),
    DRAIN_SECONDS: '0',
    ...overrides,
  };
}

interface Instance {
  output: () => string;
  /** Resolves when all of these texts were written; rejects if the process ends before that. */
  says: (...texts: string[]) => Promise<void>;
  exitCode: Promise<number | null>;
}

async function start(overrides: Record<string, string>): Promise<Instance> {
  const env = await settings(overrides);
  const child = spawn(process.execPath, [path.join(root, 'src/server.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  let ended = false;
  const exitCode = once(child, 'close').then(([code]) => {
    ended = true;
    return code as number | null; // as Node documents it
  });
  started.add(async () => {
    child.kill('SIGKILL');
    await exitCode;
  });
  return {
    output: () => output,
    exitCode,
    async says(...texts) {
      while (!texts.every((text) => output.includes(text))) {
        if (ended) throw new Error(`It ended, and wrote:\n${output}`);
        await sleep(10);
      }
    },
  };
}

/** Processes start slowly on a busy machine. */
const patient = { timeout: 120_000 };

describe('a start', patient, () => {
  it('logs the version, the database, the cache, the schedule, Stripe and the endpoint, a line each', async () => {
    const DATABASE_URL = await createDatabase();
    await run(
      process.execPath,
      ['src/stripe-endpoint.ts', `https://latchkey.example/api/v1/webhooks/stripe`],
      {
        env: await settings({}),
        cwd: root,
      },
    );
    const instance = await start({ DATABASE_URL });
    await instance.says(
      `Latchkey ${releaseVersion}, Node ${process.versions.node}`,
      `database: PostgreSQL `,
      `migrations: `,
      `cache: Redis `,
      'schedule: reconciliation runs at 17 * * * * (UTC)',
      'stripe key: test mode, account acct_',
      'webhook endpoint: we_',
      'deliveries: no event has arrived yet, so STRIPE_WEBHOOK_SECRETS has not been tested',
    );
  });

  it('warns of a key that Stripe refuses', async () => {
    const instance = await start({
      DATABASE_URL: await createDatabase(),
      STRIPE_SECRET_KEY: 'sk_test_of_another_account',
    });
    await instance.says('Stripe rejects the key');
  });

  it('is refused on an old Node, before anything else is loaded', async () => {
    started = new Started();
    const pretend =
      "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}})";
    for (const program of ['server', 'migrate', 'doctor', 'stripe-endpoint']) {
      await expect(
        run(process.execPath, ['--import', pretend, `src/${program}.ts`], { cwd: root, env: {} }),
      ).rejects.toThrow('Latchkey needs Node 24 or newer. This is Node 20.19.0');
    }
  });

  it.each([
    [
      'too old',
      'current_setting(text)',
      'text',
      `case when $1 = 'server_version_num' then '140023' else '14.23' end`,
      'PostgreSQL 14.23 is too old. Latchkey needs 15 or newer.',
    ],
    ['a standby', 'pg_is_in_recovery()', 'boolean', 'true', 'this is a read-only standby'],
  ])(
    'is refused on a PostgreSQL that is %s, and names the database',
    async (_what, name, type, value, message) => {
      const url = await createDatabase();
      await query(
        url,
        `create function public.${name} returns ${type} language sql as $$ select ${value} $$;
         do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$`,
      );
      const instance = await start({ DATABASE_URL: url });
      expect(await instance.exitCode).toBe(1);
      expect(instance.output()).toContain(message);
      expect(instance.output()).toContain(new URL(url).pathname);
    },
  );

  it('names the database that it cannot reach, and not its password', async () => {
    started = new Started();
    const instance = await start({
      DATABASE_URL: 'postgresql://me:hunter2@127.0.0.1:9/entitlements',
    });
    expect(await instance.exitCode).toBe(1);
    expect(instance.output()).toContain('database 127.0.0.1:9/entitlements: connect ECONNREFUSED');
    expect(instance.output()).not.toContain('hunter2');
  });

  it('is refused on a Redis database that does not exist', async () => {
    const REDIS_URL = `${inject('redisUrl')}/4711`;
    const instance = await start({ DATABASE_URL: await createDatabase(), REDIS_URL });
    expect(await instance.exitCode).toBe(1);
    expect(instance.output()).toContain('database 4711: the database does not exist');
  });

  it('is refused on the id of an endpoint in place of its secret', async () => {
    started = new Started();
    const instance = await start({
      DATABASE_URL: 'postgresql://x/y',
      STRIPE_WEBHOOK_SECRETS: 'we_1234567890',
    });
    expect(await instance.exitCode).toBe(1);
    expect(instance.output()).toContain('STRIPE_WEBHOOK_SECRETS: is the id of the endpoint (we_…)');
  });
});

describe('the migration lock', () => {
  it('is waited for within a limit, and its holder is logged', async () => {
    const url = await createDatabase();
    const holder = new pg.Client({ connectionString: url, application_name: 'a slow deploy' });
    await holder.connect();
    started.add(() => holder.end());
    await holder.query('select pg_advisory_lock($1)', [migrationLock]);
    const said: string[] = [];
    await expect(
      applyMigrations(url, {
        onWait: (text) => said.push(text),
        reportEveryMs: 50,
        maxWaitMs: 200,
      }),
    ).rejects.toThrow(
      /was not released within .* a slow deploy at 127\.0\.0\.1, connected since 2/,
    );
    expect(said[0]).toMatch(/^Still waiting for the migration lock after .* a slow deploy/);
    // Who waits is served once the lock is free.
    const waited = Promise.withResolvers<undefined>();
    const applying = applyMigrations(url, {
      onWait: () => {
        waited.resolve(undefined);
      },
      reportEveryMs: 50,
    });
    await waited.promise;
    await holder.query('select pg_advisory_unlock($1)', [migrationLock]);
    expect((await applying).length).toBeGreaterThan(0);
  });
});
