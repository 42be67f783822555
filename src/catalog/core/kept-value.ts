/**
 * Returns the value of a field after a PUT: the given value; if it was left out, the stored one; for `null`,
 * or if nothing is stored, the initial one.
 */
export function keptValue<T>(given: T | null | undefined, before: T | undefined, initial: T): T {
  return given === undefined ? (before ?? initial) : (given ?? initial);
}
