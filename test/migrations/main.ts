/*
 * The program behind `npm run migrate:new -- NAME` and `npm run migrate:check`. Both compare
 * prisma/schema.prisma with the result of the migrations in an empty, temporary PostgreSQL.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  applyMigrations,
  migrationsDirectory,
  prismaDirectory,
  readMigrations,
} from '../../src/platform/migrate.ts';
import { breaksInstances } from './compatibility.ts';
import { startPostgres } from '../../src/dev/postgres.ts';
import { withSchemaEngine } from './schema-engine.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';

/** Returns the SQL from the migrations' result to the schema; empty if they agree. */
async function differenceToSchema(databaseUrl: string): Promise<string> {
  const schemaPath = path.join(prismaDirectory, 'schema.prisma');
  const files = [{ path: schemaPath, content: await readFile(schemaPath, 'utf8') }];
  const { stdout } = await withSchemaEngine(databaseUrl, (engine) =>
    engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: prismaDirectory },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    }),
  );
  const sql = stdout ?? '';
  return /^\s*(-- This is an empty migration\.\s*)?$/.test(sql) ? '' : sql;
}

async function main(command: string | undefined, name = ''): Promise<number> {
  if (command !== 'check' && !(command === 'new' && /^[a-z0-9_]+$/.test(name))) {
    console.error('Usage: npm run migrate:new -- NAME   (lowercase letters, digits, underscores)');
    return 1;
  }
  const started = new Started();
  started.endOnSignal();
  try {
    const directory = await temporaryDirectory('migrations', started);
    const postgres = await startPostgres({
      dataDirectory: path.join(directory, 'data'),
      persistent: false,
      settings: { fsync: 'off' },
    });
    started.add(() => postgres.stop());
    const databaseUrl = postgres.url('postgres');
    await applyMigrations(databaseUrl);
    const sql = await differenceToSchema(databaseUrl);
    if (command === 'check') {
      const migrations = await readMigrations();
      console.log(
        sql === ''
          ? `The migrations apply to an empty database (${migrations.length} migrations) and end in prisma/schema.prisma.`
          : `prisma/schema.prisma differs from the migrations. Missing:\n\n${sql}\nWrite it with: npm run migrate:new -- NAME`,
      );
      const faults = migrations.flatMap((migration, index) =>
        breaksInstances(migration, migrations.slice(0, index)).map(
          (fault) => `  ${migration.name}: ${fault}`,
        ),
      );
      if (faults.length > 0) {
        console.log(
          `Instances of the last release run while a migration is applied, and may fail:\n${faults.join('\n')}\n` +
            'If a statement is safe, state the reason right before it: -- Safe for instances that run: …',
        );
      }
      return sql === '' && faults.length === 0 ? 0 : 1;
    }
    if (sql === '') {
      console.log('The migrations already end in prisma/schema.prisma, so no migration is needed.');
      return 0;
    }
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const target = path.join(migrationsDirectory, `${stamp}_${name}`);
    await mkdir(target, { recursive: true });
    await writeFile(path.join(target, 'migration.sql'), sql);
    console.log(
      `Wrote prisma/migrations/${stamp}_${name}/migration.sql. Read it before you commit it.`,
    );
    return 0;
  } finally {
    await started.stop();
  }
}

process.exitCode = await main(process.argv[2], process.argv[3]);
