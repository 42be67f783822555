/** Maximum length of a request's body, bytes. A longer one gets a 413 and is not read. */
export const bodyLimits = {
  /** Enough for a hundred user ids in any script, or a product with large `config` values. */
  usual: 262_144,
  /** Lists of up to a thousand entries. */
  list: 1_048_576,
  /** Stripe's events have a few kilobytes, and with ten long lists still less than this. */
  webhook: 1_048_576,
} as const;
