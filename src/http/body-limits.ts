/** How long the body of a request may be, bytes; a longer one is answered with a 413 and not read. */
export const bodyLimits = {
  /** A hundred users by ids of any letters, or a product with large `config` values. */
  usual: 262_144,
  /** Lists of up to a thousand entries. */
  list: 1_048_576,
  /** Stripe's events have some kilobytes; one with ten long lists stays below this. */
  webhook: 1_048_576,
} as const;
