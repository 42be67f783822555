/* The program behind `npm run migrate`: brings the database of DATABASE_URL to this release's schema. */
import { readFileSync } from 'node:fs';
import { loadSecret } from './config.ts';
import { applyMigrations } from './platform/migrate.ts';

const databaseUrl = loadSecret(process.env, 'DATABASE_URL', (file) => readFileSync(file, 'utf8'));
if (databaseUrl === undefined) {
  process.stderr.write('DATABASE_URL is not set. It names the database to migrate.\n');
  process.exit(1);
}
const applied = await applyMigrations(databaseUrl);
process.stdout.write(
  applied.length === 0
    ? 'The database is up to date.\n'
    : `Applied ${applied.length} migration(s):\n${applied.map((name) => `  ${name}\n`).join('')}`,
);
