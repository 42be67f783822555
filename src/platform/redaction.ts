const censor = '[redacted]';

/** Patterns of secrets and e-mail addresses, with their replacements. */
const secretTexts: readonly (readonly [RegExp, string])[] = [
  // Stripe's keys and signing secrets, and our API keys.
  [/\b(?:[srp]k_(?:test|live)|whsec)_[\w*]+/g, censor],
  [/\blk_[0-9a-z]{8}_[0-9a-z]{40,47}\b/g, censor],
  // Documents, user tokens and the keys that sign them.
  [/\beyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)?/g, censor],
  [/-----BEGIN [A-Z ]+-----[^-]*(?:-----END [A-Z ]+-----)?/g, censor],
  [/\b(Bearer|Basic)\s+\S+/gi, `$1 ${censor}`],
  [/\bv[01]=[0-9a-f]{32,}/g, censor],
  // The user and password in a database or cache URL.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${censor}@`],
  [/[^\s@"'`<>()[\]{}=,;:/\\]+@[\p{L}\p{N}.-]+\.\p{L}{2,}/gu, censor],
];

/** Returns the string without credentials and e-mail addresses. Pure. */
export function withoutSecrets(text: string): string {
  return secretTexts.reduce((rest, [pattern, put]) => rest.replace(pattern, put), text);
}

/** Returns an error's message without secrets, to show to the user of a program. Pure. */
export function reasonOf(error: unknown): string {
  // If several addresses of one host failed, Node leaves the message empty.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}

/** Error fields that are safe to log because they contain no requested or stored data. */
const plainFields = [
  'code',
  'statusCode',
  'requestId',
  'syscall',
  'severity',
  'table',
  'constraint',
] as const;

/** Maximum depth of causes. Errors may cause each other in a cycle. */
const maxDepth = 4;

/**
 * Returns an error in the form in which it is logged, with only those fields that contain nothing private:
 * Postgres quotes rows in `detail` and `where`, ioredis the password in `command`, and the Stripe SDK whole
 * responses in `raw`. Strings are redacted, because messages may quote private data too.
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
