/*
 * Instances of the last release run while a migration is applied, and go on until they are replaced. So
 * a migration may only add what they need not know of (docs/scaling.md, "Upgrades"). Pure.
 */

/**
 * Migrations from here on are held to it, by name. Those before led to the first release: no instance
 * was ever running while they were applied.
 */
const heldFrom = '20261125';

/** Why a statement may stand all the same; a comment of the migration, right before the statement. */
const excuse = /^-- Safe for instances that run: \S/m;

interface Rule {
  pattern: RegExp;
  /** What happens to an instance that knows nothing of it. */
  why: string;
}

const rules: readonly Rule[] = [
  {
    pattern: /^DROP (TABLE|VIEW|MATERIALIZED VIEW|FUNCTION|SEQUENCE|TYPE|SCHEMA)\b/,
    why: 'they still use it: take it away in a later release',
  },
  {
    pattern: /^ALTER TABLE .*\bDROP (COLUMN\b|(?!CONSTRAINT|DEFAULT|NOT|EXPRESSION|IDENTITY)["\w])/,
    why: 'they still read and write the column: take it away in a later release',
  },
  {
    pattern: /^ALTER .*\bRENAME\b/,
    why: 'they only know the old name: add the new one, fill it, take the old one away later',
  },
  {
    pattern: /^ALTER TABLE .*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b/,
    why: 'they read and write the old type: add a column of the new one',
  },
  {
    pattern: /^ALTER TABLE .*\bSET NOT NULL\b/,
    why: 'they may write null: wait until no release does',
  },
  {
    pattern: /^ALTER TABLE .*\bDROP DEFAULT\b/,
    why: 'they may leave the column out',
  },
  {
    pattern: /^DROP INDEX .*_key\b/,
    why: 'they may need the unique index for ON CONFLICT',
  },
  {
    pattern:
      /^CREATE UNIQUE INDEX\b|^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?(CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b/,
    why: 'they may write what it forbids',
  },
  { pattern: /^REVOKE\b/, why: 'they may need the right' },
];

/** What a migration does that instances of the release before cannot bear, each with the reason. */
export function breaksInstances({ name, sql }: { name: string; sql: string }): string[] {
  if (name < heldFrom) return [];
  const statements = statementsOf(sql);
  const made = new Set(statements.flatMap(({ text }) => tableOf(/^CREATE TABLE\b/, text)));
  return statements.flatMap(({ text, comments }) => {
    const [altered] = tableOf(/^(ALTER TABLE|CREATE UNIQUE INDEX)\b/, text);
    if (excuse.test(comments) || (altered !== undefined && made.has(altered))) return [];
    const why = rules.find(({ pattern }) => pattern.test(text))?.why ?? columnFault(text);
    return why === null ? [] : [`${text.slice(0, 100)}: ${why}`];
  });
}

/** A column that has to be given by those who do not know of it. */
function columnFault(text: string): string | null {
  if (!/^ALTER TABLE\b/.test(text)) return null;
  const added = text.split(/\bADD (?:COLUMN )?/).slice(1);
  const isDemanding = (column: string): boolean =>
    /\bNOT NULL\b/.test(column) && !/\b(DEFAULT|GENERATED)\b/.test(column);
  return added.some(isDemanding) ? 'they leave the column out: give it a default' : null;
}

/** The table that a statement of a kind is about, without quotes and schema. */
function tableOf(kind: RegExp, text: string): string[] {
  if (!kind.test(text)) return [];
  const named = /^(?:CREATE|ALTER) TABLE (?:IF (?:NOT )?EXISTS )?(?:ONLY )?([\w".]+)/.exec(text);
  const indexed = /\bON (?:ONLY )?([\w".]+)/.exec(text);
  const name = (named ?? indexed)?.[1]?.replaceAll('"', '').split('.').at(-1);
  return name === undefined ? [] : [name];
}

interface Statement {
  /** On one line, keywords in capitals as they are, without comments and the contents of strings. */
  text: string;
  /** The comments right before it. */
  comments: string;
}

/** The statements of a migration. Bodies of functions are left out: they change nothing by being there. */
function statementsOf(sql: string): Statement[] {
  const plain = sql.replace(notStatements, (found) =>
    found.startsWith('--') ? found.replaceAll(';', ',') : "''",
  );
  return plain.split(';').map((part) => {
    const comments = part
      .split('\n')
      .filter((line) => line.trimStart().startsWith('--'))
      .map((line) => line.trim())
      .join('\n');
    const text = part
      .replace(/--.*$/gm, '')
      .replace(/\s+/g, ' ')
      .trim()
      .replace(keywords, (word) => word.toUpperCase());
    return { text, comments };
  });
}

/** Comments, bodies in dollars, strings: in none of them does anything end. */
const notStatements = /--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'/g;

/** Written in small letters in some migrations. */
const keywords =
  /(?<!["\w])(?:add|alter|check|column|constraint|create|data|default|drop|exclude|exists|foreign|function|generated|if|index|materialized|not|null|on|only|primary|rename|revoke|schema|sequence|set|table|type|unique|view)(?!["\w])/gi;
