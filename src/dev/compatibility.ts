import type { Migration } from '../platform/migrate.ts';
import { splitSnapshot, type Statement, statementsOf } from './sql-statements.ts';

/*
 * Instances of the last release run while a migration is applied, and go on until they are replaced. So
 * a migration may only add what they need not know of (docs/scaling.md, "Upgrades"). What is not known
 * to be such is refused, and its author says why it is safe. So is what does not stand in the one
 * transaction that a migration is. What it does to rows (INSERT, UPDATE, DELETE) is not judged here. Pure.
 */

/**
 * Migrations from here on are held to it, by name. Those before led to the first release: no instance
 * was ever running while they were applied.
 */
const heldFrom = '20261125';

/** Why a statement may stand all the same; a comment of the migration, right before the statement. */
const excuse = /^-- Safe for instances that run: \S/;

/** A name, perhaps with its schema. */
const name = String.raw`((?:(?:"\w+"|[\w$]+)\.)?(?:"\w+"|[\w$]+))`;

interface Rule {
  pattern: RegExp;
  /** What happens to an instance that knows nothing of it; null where it can bear it. */
  why: string | null;
}

const whys = {
  forbids: 'they may write what it forbids',
  used: 'they still use it: take it away in a later release',
  conflict: 'they may need it for ON CONFLICT',
  unknown: 'nobody has said that they can bear it',
};

/** The first that fits decides. */
const statementRules: readonly Rule[] = [
  { pattern: /^[^']*\bCONCURRENTLY\b/, why: 'a migration is a transaction, and this runs in none' },
  { pattern: /^DROP INDEX\b/, why: null },
  { pattern: /^DROP\b/, why: whys.used },
  { pattern: /^CREATE UNIQUE INDEX\b/, why: whys.forbids },
  { pattern: /^CREATE (CONSTRAINT )?TRIGGER\b/, why: 'it has a say in what they write' },
  { pattern: /^CREATE OR REPLACE\b/, why: 'they use it as it was: make another beside it' },
  {
    pattern:
      /^CREATE (UNLOGGED TABLE|TABLE|INDEX|VIEW|MATERIALIZED VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA|FUNCTION|PROCEDURE|AGGREGATE|EXTENSION|STATISTICS)\b(?!.*\bPARTITION OF\b)/,
    why: null,
  },
  {
    pattern: /^ALTER\b.*\bRENAME\b/,
    why: 'they only know the old name: add the new one, fill it, take the old one away later',
  },
  {
    pattern: /^ALTER TYPE\b.*\bADD VALUE\b/,
    why: 'they cannot read it: let a release know it before one writes it',
  },
  { pattern: /^REVOKE\b/, why: 'they may need the right' },
  { pattern: /^DO\b/, why: 'what it does is not looked into' },
  {
    pattern: /^(BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|PREPARE TRANSACTION)\b/,
    why: 'a migration is one transaction, its note of being applied included (docs/adr/0002-migrations.md)',
  },
  {
    pattern: /^(INSERT|UPDATE|DELETE|SELECT|WITH|COMMENT|GRANT|ANALYZE|SET|RESET)\b/,
    why: null,
  },
];

/** Of what an ALTER TABLE does; the first that fits decides. */
const actionRules: readonly Rule[] = [
  { pattern: /^ALTER (COLUMN )?\S+ DROP DEFAULT\b/, why: 'they may leave the column out' },
  { pattern: /^DROP CONSTRAINT\b/, why: null },
  {
    pattern: /^DROP\b/,
    why: 'they still read and write the column: take it away in a later release',
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
 * What a migration does that instances of the release before cannot bear, each with the reason.
 *
 * @param earlier the migrations before it, which say what is unique.
 */
export function breaksInstances(
  migration: Migration,
  earlier: readonly Migration[] = [],
): string[] {
  if (migration.name < heldFrom) return [];
  const statements = statementsOf(migration.sql);
  const made = new Set(statements.flatMap(({ code }) => tableMadeBy(code) ?? []));
  const uniques = new Set(earlier.flatMap(({ sql }) => statementsOf(sql).flatMap(uniquesMadeBy)));
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
    return 'they may delete what it refers to: say what then becomes of it (ON DELETE)';
  }
  const altered = new RegExp(`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?${name} (.*)`).exec(code);
  const on = new RegExp(
    String.raw`^CREATE (?:UNIQUE|CONSTRAINT|TRIGGER)\b.*?\bON (?:ONLY )?${name}`,
  );
  const about = altered?.[1] ?? on.exec(code)?.[1];
  if (about !== undefined && made.has(bare(about))) return null;
  if (altered !== null && !/^RENAME\b/.test(altered[2] ?? '')) {
    const whysOfActions = splitSnapshot(altered[2] ?? '').map((action) =>
      actionFault(action, uniques),
    );
    return whysOfActions.find((why) => why !== null) ?? null;
  }
  const dropped = /^DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(.*)/.exec(code)?.[1];
  if (dropped !== undefined && splitSnapshot(dropped).some((index) => isUnique(index, uniques))) {
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

/** Of a column that is added, by those who do not know of it. */
function columnFault(action: string): string | null {
  const hasDefault = /(?<!SET )\bDEFAULT (?!NULL\b)/.test(action);
  const isFilled = hasDefault || /\b(GENERATED|(BIG|SMALL)?SERIAL)\b/.test(action);
  if (!isFilled && /\bNOT NULL\b|\bPRIMARY KEY\b/.test(action)) {
    return 'they leave the column out: give it a default';
  }
  return hasDefault && /\b(UNIQUE|PRIMARY KEY)\b/.test(action)
    ? 'they all write its default, and only one may'
    : null;
}

function ruleFor(code: string, rules: readonly Rule[]): string | null {
  const rule = rules.find(({ pattern }) => pattern.test(code));
  return rule === undefined ? whys.unknown : rule.why;
}

function tableMadeBy(code: string): string | null {
  const found = new RegExp(`^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?${name}`).exec(code);
  return found?.[1] === undefined ? null : bare(found[1]);
}

/** Names of indexes and constraints that keep rows unique. */
function uniquesMadeBy({ code }: Statement): string[] {
  const index = String.raw`^CREATE UNIQUE INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?${name}`;
  const constraint = String.raw`\bCONSTRAINT ${name} (?:UNIQUE|PRIMARY KEY)\b`;
  return [index, constraint].flatMap((pattern) =>
    [...code.matchAll(new RegExp(pattern, 'g'))].map(([, found = '']) => bare(found)),
  );
}

/** Those without a name of their own get one that ends like this. */
function isUnique(index: string, uniques: ReadonlySet<string>): boolean {
  const called = bare(index);
  return uniques.has(called) || /_p?key$/.test(called);
}

/** As Postgres calls it, without its schema. */
function bare(written: string): string {
  const last = written.replace(/ .*/, '').split('.').at(-1) ?? '';
  return last.startsWith('"') ? last.slice(1, -1) : last.toLowerCase();
}
