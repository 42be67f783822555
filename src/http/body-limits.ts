/** Maximum length of a request body, bytes. A longer body is not read and gets a 413 response. */
export const bodyLimits = {
  /** Enough for a hundred user ids in any script, or for a product with large `config` values. */
  usual: 262_144,
  /** Enough for lists of up to a thousand entries. */
  list: 1_048_576,
  /** Stripe's events have a few kilobytes. Even with ten long lists, they stay below this limit. */
  webhook: 1_048_576,
} as const;
