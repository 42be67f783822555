/* The program behind `npm run migrate`: brings the database of DATABASE_URL to this release's schema. */
import { applyMigrations } from './platform/migrate.ts';

const databaseUrl = process.env['DATABASE_URL'];
if (databaseUrl === undefined || databaseUrl === '') {
  process.stderr.write('DATABASE_URL is not set. It names the database to migrate.\n');
  process.exit(1);
}
const applied = await applyMigrations(databaseUrl);
process.stdout.write(
  applied.length === 0
    ? 'The database is up to date.\n'
    : `Applied ${applied.length} migration(s):\n${applied.map((name) => `  ${name}\n`).join('')}`,
);
