import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { withSchemaEngine } from './schema-engine.ts';

export const prismaDirectory = path.resolve(import.meta.dirname, '../../prisma');
export const migrationsDirectory = path.join(prismaDirectory, 'migrations');

/** Everything in the database is ours, so the engine looks at all of it. */
export const noFilters = { externalTables: [], externalEnums: [] };

/** Any fixed number: the advisory lock under which instances that start together take turns. */
const migrationLock = 7_423_001;

export interface Migration {
  name: string;
  sql: string;
}

/** The migrations of this release, oldest first. */
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

/** The engine's form of a list of migrations. */
function migrationsList(migrations: Migration[]) {
  return {
    baseDir: migrationsDirectory,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  };
}

/**
 * Applies the migrations that the database lacks, oldest first, and returns their names. Instances
 * that start at the same time take turns under an advisory lock; each but the first finds nothing
 * to do.
 */
export async function applyMigrations(databaseUrl: string): Promise<string[]> {
  const migrations = await readMigrations();
  const lock = new pg.Client({ connectionString: databaseUrl });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [migrationLock]);
    const { appliedMigrationNames } = await withSchemaEngine(databaseUrl, (engine) =>
      engine.applyMigrations({
        migrationsList: migrationsList(migrations),
        filters: noFilters,
      }),
    );
    return appliedMigrationNames;
  } finally {
    await lock.end();
  }
}
