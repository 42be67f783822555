import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { openDatabase, type Database } from '../../src/platform/database.ts';

export interface TestDatabase {
  url: string;
  database: Database;
  /** Closes `database` and drops it. */
  drop: () => Promise<void>;
}

/** Creates a migrated, empty, private database, cloned from the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `latchkey_test_${randomUUID().replaceAll('-', '')}`;
  await administer(`create database ${name} template ${inject('templateDatabase')}`);
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  // A connection that a test breaks is replaced, as in the service.
  const database = openDatabase(url.href, () => undefined);
  return {
    url: url.href,
    database,
    async drop() {
      await database.close();
      await administer(`drop database ${name} with (force)`);
    },
  };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('databaseUrl') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
