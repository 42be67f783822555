import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { type LockOptions, takeMigrationLock } from './migration-lock.ts';
import { connect } from './postgres-connection.ts';

export const prismaDirectory = path.resolve(import.meta.dirname, '../../prisma');
export const migrationsDirectory = path.join(prismaDirectory, 'migrations');

export interface Migration {
  name: string;
  sql: string;
}

/** Reads the migrations of this release, oldest first. */
export async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(migrationsDirectory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => ({
      name,
      sql: await readFile(path.join(migrationsDirectory, name, 'migration.sql'), 'utf8'),
    })),
  );
}

/** Prisma's own migrations table, so that `prisma migrate deploy` sees the same history. */
const prismaTable = `
create table _prisma_migrations (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`;

/** Marks Prisma's unfinished migrations for a retry. Each of them was rolled back as a whole. */
const markRolledBack =
  'update _prisma_migrations set rolled_back_at = now() where finished_at is null and rolled_back_at is null';

/** Selects the names of the applied migrations. */
export const appliedNames =
  'select migration_name from _prisma_migrations where finished_at is not null and rolled_back_at is null';

const recordApplied = `
insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
values ($1, $2, $3, $4, clock_timestamp(), 1)`;

/**
 * Applies the migrations that the database lacks, oldest first, and returns their names. Instances that start
 * at the same time are serialized by Prisma's advisory lock, which `prisma migrate deploy` also uses. All but
 * the first find nothing to apply.
 *
 * Each migration is recorded in the transaction that applies it, on the connection that holds the lock. So a
 * killed migration leaves nothing behind, and the next process retries it once Postgres has ended the
 * transaction.
 *
 * @param lock how to wait for the lock. If its `stop` is aborted first, nothing is applied.
 */
export async function applyMigrations(
  databaseUrl: string,
  lock: LockOptions = {},
): Promise<string[]> {
  const migrations = await readMigrations();
  const connection = await connect(databaseUrl, 'latchkey migrate');
  try {
    if (!(await takeMigrationLock(connection, lock))) return [];
    const { rows: tables } = await connection.query<{ exists: boolean }>(
      `select to_regclass('_prisma_migrations') is not null as exists`,
    );
    // Checked first, because "if not exists" requires the right to create tables even if the table exists.
    if (tables[0]?.exists !== true) await connection.query(prismaTable);
    await connection.query(markRolledBack);
    const { rows } = await connection.query<{ migration_name: string }>(appliedNames);
    const applied = new Set(rows.map((row) => row.migration_name));
    const missing = migrations.filter(({ name }) => !applied.has(name));
    for (const migration of missing) await apply(connection, migration);
    return missing.map(({ name }) => name);
  } finally {
    await connection.end();
  }
}

async function apply(connection: pg.Client, { name, sql }: Migration): Promise<void> {
  const startedAt = new Date();
  // Prisma's checksum of a migration is the hash of its file.
  const checksum = createHash('sha256').update(sql).digest('hex');
  await connection.query('begin');
  try {
    await connection.query(sql);
    await connection.query(recordApplied, [randomUUID(), checksum, name, startedAt]);
    await connection.query('commit');
  } catch (error) {
    // The caller closes the connection, which rolls back the transaction.
    throw new Error(
      `migration ${name}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}
