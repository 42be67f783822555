/**
 * Returns the value of a field after a PUT: the given value or, if the field was left out, the stored one.
 * Returns `initial` if `null` was given, or if the field was left out and nothing is stored.
 */
export function keptValue<T>(given: T | null | undefined, before: T | undefined, initial: T): T {
  return given === undefined ? (before ?? initial) : (given ?? initial);
}
