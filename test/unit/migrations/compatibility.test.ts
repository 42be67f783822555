import { describe, expect, it } from 'vitest';
import { breaksInstances } from '../../migrations/compatibility.ts';

/** Existing unique indexes, with names that do not show it. */
const earlier = {
  name: '20261124000000_before',
  sql: `create unique index if not exists one_primary on customers (uid) where is_primary;
    CREATE TABLE a (b INT, CONSTRAINT "only_one" UNIQUE (b), CONSTRAINT positive CHECK (b > 0));`,
};

const faultsOf = (sql: string): string[] =>
  breaksInstances({ name: '20270101000000_of_the_test', sql }, [earlier]);

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
    [
      'adds a required column, written as it comes',
      'Alter Table Users Add Column A Text Not Null;',
    ],
    [
      'adds one beside a default of another',
      'ALTER TABLE users ADD COLUMN a INT NOT NULL, ALTER COLUMN b SET DEFAULT 1;',
    ],
    ['adds one with null for a default', 'ALTER TABLE users ADD a INT DEFAULT NULL NOT NULL;'],
    [
      'adds one that becomes its default later',
      'ALTER TABLE users ADD a INT NOT NULL REFERENCES users ON DELETE SET DEFAULT;',
    ],
    ['adds a key', 'ALTER TABLE users ADD COLUMN a INT PRIMARY KEY;'],
    ['adds a unique default', 'ALTER TABLE users ADD COLUMN a INT DEFAULT 0 UNIQUE;'],
    ['adds a constraint that is not checked yet', 'ALTER TABLE a ADD CHECK (b > 0) NOT VALID;'],
    ['adds a constraint against null', 'ALTER TABLE a ADD CONSTRAINT c NOT NULL b;'],
    ['does one of several things', 'ALTER TABLE a ADD COLUMN "b" TEXT, ALTER "c" SET NOT NULL;'],
    [
      'changes a type in other words',
      'alter table only public."a" alter b type bigint using b::int;',
    ],
    ['makes a column generated', 'ALTER TABLE a ALTER b ADD GENERATED ALWAYS AS IDENTITY;'],
    ['takes an identity away', 'ALTER TABLE a ALTER b DROP IDENTITY;'],
    ['moves a table', 'ALTER TABLE a SET SCHEMA old;'],
    ['hides rows', 'ALTER TABLE a ENABLE ROW LEVEL SECURITY;'],
    ['lets a trigger rest', 'ALTER TABLE a DISABLE TRIGGER keep_erased;'],
    ['renames a value', `ALTER TYPE kind RENAME VALUE 'a' TO 'b';`],
    ['adds a value to a type', `ALTER TYPE kind ADD VALUE IF NOT EXISTS 'c';`],
    ['narrows a domain', 'ALTER DOMAIN amount ADD CHECK (value > 0);'],
    ['drops a trigger', 'DROP TRIGGER keep_erased ON customers;'],
    ['drops a type, a policy', 'drop type kind;'],
    ['makes a trigger', 'CREATE TRIGGER t BEFORE INSERT ON users EXECUTE FUNCTION f();'],
    ['makes a policy', 'CREATE POLICY p ON users USING (true);'],
    [
      'puts another function in the place of one',
      'create or replace function f() returns int language sql as $$ select 1 $$;',
    ],
    ['puts another view in the place of one', 'CREATE OR REPLACE VIEW v AS SELECT 1;'],
    ['takes an index away that is unique', 'DROP INDEX CONCURRENTLY IF EXISTS other, one_primary;'],
    ['takes a constraint away that is unique', 'ALTER TABLE a DROP CONSTRAINT only_one;'],
    ['takes a primary key away', 'ALTER TABLE users DROP CONSTRAINT "users_pkey";'],
    ['empties a table', 'TRUNCATE users;'],
    ['does what cannot be seen', `DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$;`],
    ['ends its transaction before its end', 'UPDATE users SET a = 1; COMMIT;'],
    ['runs in no transaction', 'CREATE INDEX CONCURRENTLY a ON users (b);'],
    ['runs in none, whatever the index', 'DROP INDEX CONCURRENTLY users_by_a;'],
    ['is a partition of a table', 'CREATE TABLE b PARTITION OF a FOR VALUES IN (1);'],
    [
      'keeps what they delete',
      'CREATE TABLE notes (id INT PRIMARY KEY, run TEXT REFERENCES reconciliation_runs (id));',
    ],
    [
      'keeps what they delete, by a constraint',
      `CREATE TABLE notes (id INT);
       ALTER TABLE notes ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES runs(a, b) ON DELETE RESTRICT;`,
    ],
    ['has an odd name', 'ALTER TABLE "a;b -- c" DROP COLUMN "d""e";'],
    ['stands behind a string with a quote in it', String.raw`SELECT E'it\';--'; DROP TABLE a;`],
    ['stands behind comments in comments', '/* a /* b */ ; DROP TABLE b; */ DROP TABLE a;'],
    ['stands in several lines', 'ALTER TABLE a\n  -- the old one\n  DROP\n  COLUMN b'],
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
      CREATE TRIGGER t BEFORE INSERT ON notes EXECUTE FUNCTION f();
      ALTER TABLE "notes" ADD CONSTRAINT "notes_up" FOREIGN KEY ("id") REFERENCES notes ("id");
      ALTER TABLE "notes" ADD CONSTRAINT "notes_fkey" FOREIGN KEY ("id") REFERENCES "users"("a", "b") ON DELETE CASCADE ON UPDATE CASCADE;`,
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
    [
      'adds a column beside one that is loosened',
      'ALTER TABLE users ADD COLUMN "a" TEXT, ALTER COLUMN "b" DROP NOT NULL;',
    ],
    [
      'adds columns that fill themselves',
      `ALTER TABLE users ADD a BIGSERIAL NOT NULL,
         ADD COLUMN IF NOT EXISTS b NUMERIC(10, 2) NOT NULL GENERATED ALWAYS AS (c + 1) STORED,
         ADD d TEXT CHECK (d IN ('x', 'y')), ADD e TEXT NOT NULL DEFAULT (f(1, 2));`,
    ],
    [
      'loosens a column whose name is a word of SQL',
      `alter table features alter column type drop not null, alter type set default 'boolean';`,
    ],
    ['drops a constraint that only forbids', 'ALTER TABLE a DROP CONSTRAINT positive;'],
    [
      'adds an optional reference',
      'ALTER TABLE a ADD b BIGINT REFERENCES users ON DELETE SET NULL;',
    ],
    [
      'makes a function, a view and a type',
      `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'x';
      CREATE VIEW v AS SELECT 1; CREATE TYPE kind AS ENUM ('a');`,
    ],
    ['fills', `UPDATE users SET a = 1; INSERT INTO b SELECT 1;`],
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

it('an excuse behind a statement holds for none', () => {
  const sql = `SELECT 1; -- Safe for instances that run: it only reads.
    DROP TABLE b;`;

  expect(faultsOf(sql)).toEqual([expect.stringContaining('DROP TABLE b')]);
});

it('an excuse needs a reason', () => {
  expect(faultsOf('-- Safe for instances that run:\nDROP TABLE b;')).toHaveLength(1);
});

it('a fault names the statement as it was written', () => {
  expect(faultsOf('-- away\ndrop  table\n "Old";')).toEqual([
    'drop table "Old": they still use it: remove it in a later release',
  ]);
});
