/* The program behind `npm run migrate`. It applies the migrations of this release to DATABASE_URL. */
import './platform/node-version.ts';
import { readFileSync } from 'node:fs';
import { loadSecret } from './config.ts';
import { applyMigrations } from './platform/migrate.ts';
import { inspectPostgres } from './platform/postgres-server.ts';
import { reasonOf } from './platform/redaction.ts';

async function main(): Promise<string> {
  const databaseUrl = loadSecret(process.env, 'DATABASE_URL', (file) => readFileSync(file, 'utf8'));
  if (databaseUrl === undefined) {
    throw new Error('DATABASE_URL is not set. Set it to the database to migrate.');
  }
  await inspectPostgres(databaseUrl);
  const applied = await applyMigrations(databaseUrl, {
    onWait: (text) => process.stderr.write(`${text}\n`),
  });
  return applied.length === 0
    ? 'The database is up to date.\n'
    : `Applied ${applied.length} migration(s):\n${applied.map((name) => `  ${name}\n`).join('')}`;
}

try {
  process.stdout.write(await main());
} catch (error) {
  process.stderr.write(`Could not migrate the database: ${reasonOf(error)}\n`);
  process.exitCode = 1;
}
