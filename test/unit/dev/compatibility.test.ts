import { describe, expect, it } from 'vitest';
import { breaksInstances } from '../../../src/dev/compatibility.ts';

const faultsOf = (sql: string): string[] =>
  breaksInstances({ name: '20270101000000_of_the_test', sql });

describe('a migration is refused that', () => {
  it.each([
    ['drops a table', 'DROP TABLE "links";'],
    ['drops a view', 'drop view object_owners;'],
    ['drops a function', 'DROP FUNCTION next_number();'],
    ['drops a column', 'ALTER TABLE "users" DROP COLUMN "erased_at";'],
    ['drops a column without the word', 'alter table users drop erased_at;'],
    ['drops a column among others', 'ALTER TABLE "users" ADD COLUMN "a" TEXT,\n DROP COLUMN "b";'],
    ['renames a table', 'ALTER TABLE "users" RENAME TO "people";'],
    ['renames a column', 'ALTER TABLE users RENAME COLUMN uid TO id;'],
    ['changes a type', 'ALTER TABLE "users" ALTER COLUMN "uid" SET DATA TYPE TEXT;'],
    ['makes a column required', 'ALTER TABLE "users" ALTER COLUMN "erased_at" SET NOT NULL;'],
    ['takes a default away', 'ALTER TABLE "users" ALTER COLUMN "uid" DROP DEFAULT;'],
    ['adds a required column', 'ALTER TABLE "users" ADD COLUMN "a" TEXT NOT NULL;'],
    [
      'adds one beside one with a default',
      `ALTER TABLE users ADD COLUMN a INT NOT NULL DEFAULT 1, ADD COLUMN b INT NOT NULL;`,
    ],
    ['adds a check', 'ALTER TABLE users ADD CONSTRAINT users_a CHECK (uid > 0);'],
    ['makes something unique', 'CREATE UNIQUE INDEX "a_key" ON "users"("user_id");'],
    ['takes uniqueness away', 'DROP INDEX "users_project_id_user_id_key";'],
    ['takes a right away', 'REVOKE UPDATE ON users FROM PUBLIC;'],
  ])('%s', (_what, sql) => {
    expect(faultsOf(sql)).toHaveLength(1);
  });
});

describe('a migration passes that', () => {
  it.each([
    [
      'makes a table, with all that belongs to it',
      `
      CREATE TABLE "notes" ("id" TEXT NOT NULL, CONSTRAINT "notes_pkey" PRIMARY KEY ("id"));
      CREATE UNIQUE INDEX "notes_id_key" ON "notes"("id");
      ALTER TABLE "notes" ADD CONSTRAINT "notes_fkey" FOREIGN KEY ("id") REFERENCES "users"("user_id");`,
    ],
    ['adds a column', 'ALTER TABLE "users" ADD COLUMN "note" TEXT;'],
    [
      'adds a required column with a default',
      `ALTER TABLE users ADD COLUMN a TEXT NOT NULL DEFAULT 'x; y';`,
    ],
    [
      'makes and drops plain indexes',
      'DROP INDEX users_by_a; CREATE INDEX users_by_b ON users (b);',
    ],
    [
      'loosens',
      'ALTER TABLE users DROP CONSTRAINT users_a, ALTER COLUMN a DROP NOT NULL, ALTER COLUMN a SET DEFAULT 1;',
    ],
    ['only speaks of it', `-- DROP TABLE users;\nUPDATE users SET note = 'DROP TABLE users;';`],
    [
      'has it in a function',
      'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE x; END $$;',
    ],
    [
      'says why it is safe',
      '-- Safe for instances that run: none of them writes it since 0.2.\nALTER TABLE users DROP COLUMN note;',
    ],
  ])('%s', (_what, sql) => {
    expect(faultsOf(sql)).toEqual([]);
  });

  it('led to the first release', () => {
    expect(breaksInstances({ name: '20261124150246_reports', sql: 'DROP TABLE users;' })).toEqual(
      [],
    );
  });
});

it('what a comment says ends nothing', () => {
  const sql = `-- It's gone; isn't it?
    DROP TABLE a; -- 'and
    ALTER TABLE b DROP COLUMN c;`;

  expect(faultsOf(sql)).toHaveLength(2);
});

it('an excuse holds for the statement behind it alone', () => {
  const sql = `-- Safe for instances that run: it is empty.
    DROP TABLE a;
    DROP TABLE b;`;

  expect(faultsOf(sql)).toEqual([expect.stringContaining('DROP TABLE b')]);
});
