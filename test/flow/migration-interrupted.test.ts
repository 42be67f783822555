import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { withSchemaEngine } from '../migrations/schema-engine.ts';
import {
  applyMigrations,
  migrationsDirectory,
  readMigrations,
} from '../../src/platform/migrate.ts';

/* The real process is stopped or killed while Postgres is in the middle of a migration. */

let started: Started;

/** Any fixed number: whoever holds it keeps a migration from going on. */
const gate = 4_711;

let url: string;
let operator: pg.Client;

/** An empty database, whose migrations stop at a gate that `operator` holds. */
beforeEach(async () => {
  started = new Started();
  const name = `latchkey_test_${randomUUID().replaceAll('-', '')}`;
  const own = new URL(inject('databaseUrl'));
  own.pathname = `/${name}`;
  url = own.href;
  await inDatabase(inject('databaseUrl'), `create database ${name}`);
  operator = new pg.Client({ connectionString: url });
  await operator.connect();
  started.add(async () => {
    await operator.end();
    await inDatabase(inject('databaseUrl'), `drop database ${name} with (force)`);
  });
  await operator.query(`
    create function wait_at_gate() returns event_trigger language plpgsql as $$
    begin
      if to_regclass('public.projects') is not null then
        perform pg_advisory_xact_lock_shared(${gate});
      end if;
    end $$;
    create event trigger gate on ddl_command_start execute function wait_at_gate()`);
  await operator.query('select pg_advisory_lock($1)', [gate]);
});
afterEach(() => started.stop());

async function inDatabase(of: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: of });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

interface Instance {
  child: ChildProcess;
  exited: Promise<[number | null, NodeJS.Signals | null]>;
  output: () => string;
}

function start(): Instance {
  const child = spawn(
    process.execPath,
    [path.resolve(import.meta.dirname, '../../src/server.ts')],
    {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: url,
        STRIPE_SECRET_KEY: 'sk_test_123',
        STRIPE_WEBHOOK_SECRETS: 'whsec_test_secret',
        STRIPE_API_BASE: 'http://127.0.0.1:9',
        ADMIN_API_KEY: 'test_admin_key_of_more_than_32_characters',
        HOST: '127.0.0.1',
        PORT: '0',
        DRAIN_SECONDS: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  started.add(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { child, exited, output: () => output };
}

/** Resolves when so many sessions of the database wait for an advisory lock. */
async function waiting(sessions: number): Promise<void> {
  for (;;) {
    const { rows } = await operator.query<{ count: number }>(
      `select count(*)::int from pg_stat_activity
       where datname = current_database() and wait_event = 'advisory'`,
    );
    if (rows[0]?.count === sessions) return;
    await sleep(20);
  }
}

async function openGate(): Promise<void> {
  await operator.query('select pg_advisory_unlock($1)', [gate]);
}

async function finished(): Promise<string[]> {
  const { rows } = await operator.query<{ migration_name: string }>(
    `select migration_name from _prisma_migrations
     where finished_at is not null and rolled_back_at is null order by 1`,
  );
  return rows.map((row) => row.migration_name);
}

async function allApplied(): Promise<boolean> {
  const names = (await readMigrations()).map(({ name }) => name);
  return JSON.stringify(await finished()) === JSON.stringify(names);
}

describe('a process in the middle of a migration', { timeout: 60_000 }, () => {
  it('that is killed leaves a database that the next one brings up to date, once Postgres has ended what it was at', async () => {
    const { child, exited } = start();
    await waiting(1);
    child.kill('SIGKILL');
    await exited;
    const next = applyMigrations(url);
    await waiting(2);
    await openGate();
    await next;
    expect(await allApplied()).toBe(true);
  });

  it('that is stopped ends the migration, and then itself', async () => {
    const { child, exited, output } = start();
    await waiting(1);
    child.kill('SIGTERM');
    while (!output().includes('"stopping"')) await sleep(20);
    await openGate();
    expect(await exited).toEqual([0, null]);
    expect(output()).toContain('"stopped"');
    expect(await allApplied()).toBe(true);
  });

  it('and one that waits for it ends at once if it is stopped', async () => {
    start();
    await waiting(1);
    const { child, exited } = start();
    await waiting(2);
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

it('a migration that failed is tried again at the next start', { timeout: 60_000 }, async () => {
  const failing = `create or replace function wait_at_gate() returns event_trigger language plpgsql as $$
    begin raise exception 'the disk is full'; end $$`;
  const first = applyMigrations(url);
  await waiting(1);
  await operator.query('drop event trigger gate');
  await operator.query(failing);
  await operator.query(
    'create event trigger gate on ddl_command_start execute function wait_at_gate()',
  );
  await openGate();
  await expect(first).rejects.toThrow('the disk is full');
  await operator.query('drop event trigger gate');
  await applyMigrations(url);
  expect(await allApplied()).toBe(true);
});

describe('Prisma elsewhere', { timeout: 60_000 }, () => {
  it('sees the same history, none of it failed or edited', async () => {
    await operator.query('drop event trigger gate');
    const names = await applyMigrations(url);
    const migrations = await readMigrations();
    expect(names).toEqual(migrations.map(({ name }) => name));
    const history = await withSchemaEngine(url, (engine) =>
      engine.diagnoseMigrationHistory({
        migrationsList: {
          baseDir: migrationsDirectory,
          lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
          shadowDbInitScript: '',
          migrationDirectories: migrations.map(({ name, sql }) => ({
            path: name,
            migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
          })),
        },
        optInToShadowDatabase: false,
        filters: { externalTables: [], externalEnums: [] },
      }),
    );
    expect(history).toMatchObject({
      ...{ hasMigrationsTable: true, editedMigrationNames: [], failedMigrationNames: [] },
      history: null,
    });
  });

  it('holds up a start while it migrates, and what it left unfinished is tried again', async () => {
    await operator.query('drop event trigger gate');
    const prisma = new pg.Client({ connectionString: url });
    await prisma.connect();
    await prisma.query('select pg_advisory_lock(72707369)');
    const next = applyMigrations(url);
    await waiting(1);
    // As Prisma leaves a migration that failed.
    const [{ name } = { name: '' }] = await readMigrations();
    await prisma.query(`create table _prisma_migrations (
      id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
      migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
      started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`);
    await prisma.query(
      `insert into _prisma_migrations (id, checksum, migration_name) values ('left', 'x', $1)`,
      [name],
    );
    await prisma.end();
    await next;
    expect(await allApplied()).toBe(true);
  });
});

it(
  'a start with nothing to apply needs no right to create tables',
  { timeout: 60_000 },
  async () => {
    await operator.query('drop event trigger gate');
    await applyMigrations(url);
    const role = `limited_${randomUUID().replaceAll('-', '')}`;
    await operator.query(`
    create role ${role};
    grant usage on schema public to ${role};
    grant select, update on _prisma_migrations to ${role}`);
    const limited = new URL(url);
    limited.searchParams.set('options', `-c role=${role}`);
    try {
      expect(await applyMigrations(limited.href)).toEqual([]);
    } finally {
      await operator.query(`drop owned by ${role}; drop role ${role}`);
    }
  },
);
