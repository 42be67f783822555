const censor = '[redacted]';

/** What must not be read in a log, wherever it stands in a text. */
const secretTexts: readonly (readonly [RegExp, string])[] = [
  // Stripe's keys and signing secrets, and ours: platform/stripe, projects/keys.
  [/\b(?:[srp]k_(?:test|live)|whsec)_[\w*]+/g, censor],
  [/\blk_[0-9a-z]{8}_[0-9a-z]{40,47}\b/g, censor],
  [/\b(Bearer|Basic)\s+\S+/gi, `$1 ${censor}`],
  [/\bv[01]=[0-9a-f]{32,}/g, censor],
  // Who logs in with what, in the URL of a database or a cache.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${censor}@`],
  [/[^\s@"'`<>()[\]{}=,;:/\\]+@[\p{L}\p{N}.-]+\.\p{L}{2,}/gu, censor],
];

/** The text without credentials and e-mail addresses. Pure. */
export function withoutSecrets(text: string): string {
  return secretTexts.reduce((rest, [pattern, put]) => rest.replace(pattern, put), text);
}

/** What an error says, without secrets, for the person who started a program. Pure. */
export function reasonOf(error: unknown): string {
  // Node says nothing in the message of an error about several addresses of one host.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}

/** What an error says that helps, and carries nothing of what was asked or stored. */
const plainFields = [
  'code',
  'statusCode',
  'requestId',
  'syscall',
  'severity',
  'table',
  'constraint',
] as const;

/** Errors that cause each other in a circle end somewhere. */
const maxDepth = 4;

/**
 * An error as it is logged. Only fields that are known to hold nothing private: Postgres quotes rows in
 * `detail` and `where`, ioredis the password in `command`, the Stripe SDK whole answers in `raw`. And
 * texts without secrets, since messages quote too.
 */
export function describeError(error: unknown, depth = 1): object {
  if (!(error instanceof Error)) return { message: withoutSecrets(String(error)) };
  const below = (other: unknown): object => describeError(other, depth + 1);
  return {
    type: error.constructor.name,
    message: withoutSecrets(error.message),
    ...Object.fromEntries(
      plainFields.flatMap((field) => {
        const value: unknown = Reflect.get(error, field);
        return typeof value === 'string' || typeof value === 'number'
          ? [[field, typeof value === 'string' ? withoutSecrets(value) : value]]
          : [];
      }),
    ),
    ...(error.stack === undefined ? {} : { stack: withoutSecrets(error.stack) }),
    ...(depth === maxDepth || error.cause === undefined ? {} : { cause: below(error.cause) }),
    ...(depth === maxDepth || !(error instanceof AggregateError)
      ? {}
      : { errors: error.errors.map(below) }),
  };
}
