import type { Migration } from '../../src/platform/migrate.ts';
import { splitAtCommas, type Statement, statementsOf } from './sql-statements.ts';

/*
 * Checks that a migration is compatible with instances of the last release, which run while it is applied
 * (docs/scaling.md, "Upgrades"). Refuses non-transactional statements, and unknown ones unless a comment
 * states why they are safe. Does not check changes of rows. Pure.
 */

/**
 * The name from which the check applies to migrations. No instance was running while earlier ones were applied.
 */
const checkedFrom = '20261125';

/** Declares a statement safe: a comment of the migration, right before the statement. */
const excuse = /^-- Safe for instances that run: \S/;

/** A name, with its schema if it has one. */
const name = String.raw`((?:(?:"\w+"|[\w$]+)\.)?(?:"\w+"|[\w$]+))`;

interface Rule {
  pattern: RegExp;
  /** What breaks an instance that does not know the change; null if it is compatible. */
  why: string | null;
}

const whys = {
  forbids: 'they may write what it forbids',
  used: 'they still use it: remove it in a later release',
  conflict: 'they may need it for ON CONFLICT',
  unknown: 'they may not be compatible with it',
};

/** The first match applies. */
const statementRules: readonly Rule[] = [
  {
    pattern: /^[^']*\bCONCURRENTLY\b/,
    why: 'a migration is a transaction, and this cannot run in one',
  },
  { pattern: /^DROP INDEX\b/, why: null },
  { pattern: /^DROP\b/, why: whys.used },
  { pattern: /^CREATE UNIQUE INDEX\b/, why: whys.forbids },
  { pattern: /^CREATE (CONSTRAINT )?TRIGGER\b/, why: 'it changes what they write' },
  {
    pattern: /^CREATE OR REPLACE\b/,
    why: 'they use the old definition: create another one beside it',
  },
  {
    pattern:
      /^CREATE (UNLOGGED TABLE|TABLE|INDEX|VIEW|MATERIALIZED VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA|FUNCTION|PROCEDURE|AGGREGATE|EXTENSION|STATISTICS)\b(?!.*\bPARTITION OF\b)/,
    why: null,
  },
  {
    pattern: /^ALTER\b.*\bRENAME\b/,
    why: 'they know only the old name: add the new one, fill it, remove the old one in a later release',
  },
  {
    pattern: /^ALTER TYPE\b.*\bADD VALUE\b/,
    why: 'they cannot read it: release the reader before the writer',
  },
  { pattern: /^REVOKE\b/, why: 'they may need the privilege' },
  { pattern: /^DO\b/, why: 'its effect is not checked' },
  {
    pattern: /^(BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|PREPARE TRANSACTION)\b/,
    why: 'a migration is one transaction, including the record of its application (docs/adr/0002-migrations.md)',
  },
  {
    pattern: /^(INSERT|UPDATE|DELETE|SELECT|WITH|COMMENT|GRANT|ANALYZE|SET|RESET)\b/,
    why: null,
  },
];

/** The actions of an ALTER TABLE; the first match applies. */
const actionRules: readonly Rule[] = [
  { pattern: /^ALTER (COLUMN )?\S+ DROP DEFAULT\b/, why: 'they may leave the column out' },
  { pattern: /^DROP CONSTRAINT\b/, why: null },
  {
    pattern: /^DROP\b/,
    why: 'they still read and write the column: remove it in a later release',
  },
  {
    pattern: /^ADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE|NOT NULL)\b/,
    why: whys.forbids,
  },
  { pattern: /^ALTER (COLUMN )?\S+ DROP NOT NULL$/, why: null },
  {
    pattern: /^ALTER (COLUMN )?\S+ SET (DEFAULT\b|STATISTICS\b|STORAGE\b|COMPRESSION\b|\()/,
    why: null,
  },
  {
    pattern: /^ALTER (COLUMN )?\S+ SET NOT NULL\b/,
    why: 'they may write null: wait until no release does',
  },
  {
    pattern: /^ALTER (COLUMN )?\S+ (SET DATA )?TYPE\b/,
    why: 'they read and write the old type: add a column of the new one',
  },
  { pattern: /^(VALIDATE CONSTRAINT\b|SET \(|RESET \()/, why: null },
];

/**
 * Returns what a migration does that instances of the last release are not compatible with, each with the
 * reason.
 *
 * @param earlier the earlier migrations, which define what is unique.
 */
export function breaksInstances(
  migration: Migration,
  earlier: readonly Migration[] = [],
): string[] {
  if (migration.name < checkedFrom) return [];
  const statements = statementsOf(migration.sql);
  const made = new Set(statements.flatMap(({ code }) => createdTable(code) ?? []));
  const uniques = new Set(earlier.flatMap(({ sql }) => statementsOf(sql).flatMap(createdUniques)));
  return statements.flatMap((statement) => {
    const why = statement.comments.some((comment) => excuse.test(comment))
      ? null
      : faultOf(statement.code, made, uniques);
    return why === null ? [] : [`${statement.written.slice(0, 100)}: ${why}`];
  });
}

function faultOf(
  code: string,
  made: ReadonlySet<string>,
  uniques: ReadonlySet<string>,
): string | null {
  const references = new RegExp(String.raw`\bREFERENCES ${name} ?(?:\([^)]*\))?([^,]*)`, 'g');
  const holds = ([, table = '', rest = '']: string[]): boolean =>
    !made.has(bare(table)) && !/\bON DELETE (CASCADE|SET NULL|SET DEFAULT)\b/.test(rest);
  if ([...code.matchAll(references)].some(holds)) {
    return 'they may delete the referenced row: define what happens then (ON DELETE)';
  }
  const altered = new RegExp(`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?${name} (.*)`).exec(code);
  const on = new RegExp(
    String.raw`^CREATE (?:UNIQUE|CONSTRAINT|TRIGGER)\b.*?\bON (?:ONLY )?${name}`,
  );
  const about = altered?.[1] ?? on.exec(code)?.[1];
  if (about !== undefined && made.has(bare(about))) return null;
  if (altered !== null && !/^RENAME\b/.test(altered[2] ?? '')) {
    const whysOfActions = splitAtCommas(altered[2] ?? '').map((action) =>
      actionFault(action, uniques),
    );
    return whysOfActions.find((why) => why !== null) ?? null;
  }
  const dropped = /^DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(.*)/.exec(code)?.[1];
  if (dropped !== undefined && splitAtCommas(dropped).some((index) => isUnique(index, uniques))) {
    return whys.conflict;
  }
  return ruleFor(code, statementRules);
}

function actionFault(action: string, uniques: ReadonlySet<string>): string | null {
  const constraint = new RegExp(`^DROP CONSTRAINT (?:IF EXISTS )?${name}`).exec(action)?.[1];
  if (constraint !== undefined && isUnique(constraint, uniques)) return whys.conflict;
  const isColumn = /^ADD (?!(CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE|NOT NULL)\b)/;
  return isColumn.test(action) ? columnFault(action) : ruleFor(action, actionRules);
}

/** Returns the fault of an added column for instances that do not know it. */
function columnFault(action: string): string | null {
  const hasDefault = /(?<!SET )\bDEFAULT (?!NULL\b)/.test(action);
  const isFilled = hasDefault || /\b(GENERATED|(BIG|SMALL)?SERIAL)\b/.test(action);
  if (!isFilled && /\bNOT NULL\b|\bPRIMARY KEY\b/.test(action)) {
    return 'they leave the column out: give it a default';
  }
  return hasDefault && /\b(UNIQUE|PRIMARY KEY)\b/.test(action)
    ? 'they all write its default, which must be unique'
    : null;
}

function ruleFor(code: string, rules: readonly Rule[]): string | null {
  const rule = rules.find(({ pattern }) => pattern.test(code));
  return rule === undefined ? whys.unknown : rule.why;
}

function createdTable(code: string): string | null {
  const found = new RegExp(`^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?${name}`).exec(code);
  return found?.[1] === undefined ? null : bare(found[1]);
}

/** Returns the names of the unique indexes and constraints that a statement creates. */
function createdUniques({ code }: Statement): string[] {
  const index = String.raw`^CREATE UNIQUE INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?${name}`;
  const constraint = String.raw`\bCONSTRAINT ${name} (?:UNIQUE|PRIMARY KEY)\b`;
  return [index, constraint].flatMap((pattern) =>
    [...code.matchAll(new RegExp(pattern, 'g'))].map(([, found = '']) => bare(found)),
  );
}

/** Returns whether an index is unique. Postgres names unnamed constraints with these suffixes. */
function isUnique(index: string, uniques: ReadonlySet<string>): boolean {
  const called = bare(index);
  return uniques.has(called) || /_p?key$/.test(called);
}

/** Returns the name as Postgres stores it, without its schema. */
function bare(written: string): string {
  const last = written.replace(/ .*/, '').split('.').at(-1) ?? '';
  return last.startsWith('"') ? last.slice(1, -1) : last.toLowerCase();
}
