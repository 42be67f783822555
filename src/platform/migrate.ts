import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { takeTurn, type TurnOptions } from './migration-lock.ts';
import { connect } from './postgres-connection.ts';
import { withSchemaEngine } from './schema-engine.ts';

export const prismaDirectory = path.resolve(import.meta.dirname, '../../prisma');
export const migrationsDirectory = path.join(prismaDirectory, 'migrations');

/** Everything in the database is ours, so the engine looks at all of it. */
export const noFilters = { externalTables: [], externalEnums: [] };

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
 * Each script ends with this, in its own transaction: so it was applied where this stands there, and
 * only there, whatever becomes of the process meanwhile. The engine notes the end by itself once more.
 */
const noteEnd = `
;update _prisma_migrations set finished_at = now() where finished_at is null and rolled_back_at is null`;

/** What did not end was rolled back as a whole, and may be tried again. */
const noteRolledBack =
  'update _prisma_migrations set rolled_back_at = now() where finished_at is null and rolled_back_at is null';

/**
 * Applies the migrations that the database lacks, oldest first, and returns their names. Instances
 * that start at the same time take turns under an advisory lock; each but the first finds nothing
 * to do. One that failed, or whose process was killed, is tried again by whoever comes next.
 *
 * Migrations run on the connection that holds the lock. So Postgres lets nobody else begin before it has
 * ended the one whose process was killed in the middle of it.
 *
 * @param turn how the turn is waited for: where its `stop` is aborted first, nothing is applied.
 */
export async function applyMigrations(
  databaseUrl: string,
  turn: TurnOptions = {},
): Promise<string[]> {
  const migrations = await readMigrations();
  const connection = await connect(databaseUrl, 'latchkey migrate');
  try {
    if (!(await takeTurn(connection, turn))) return [];
    const { rows } = await connection.query<{ exists: boolean }>(
      `select to_regclass('_prisma_migrations') is not null as exists`,
    );
    if (rows[0]?.exists === true) await connection.query(noteRolledBack);
    const { appliedMigrationNames } = await withSchemaEngine(
      databaseUrl,
      (engine) =>
        engine.applyMigrations({
          migrationsList: migrationsList(migrations),
          filters: noFilters,
        }),
      async (script) => {
        await connection.query(script + noteEnd);
      },
    );
    return appliedMigrationNames;
  } finally {
    await connection.end();
  }
}
