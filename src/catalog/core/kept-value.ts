/**
 * Returns the value of a field after a PUT: the given value or, if the field was left out, the stored one.
 * For `null`, or if nothing is stored, it is the initial value.
 */
export function keptValue<T>(given: T | null | undefined, before: T | undefined, initial: T): T {
  return given === undefined ? (before ?? initial) : (given ?? initial);
}
