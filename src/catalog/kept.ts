/**
 * The value that a PUT of the catalog leaves a field with: what was given; what was there before, where
 * it was left out; the initial value for `null`, or where there was nothing before.
 */
export function keptValue<T>(given: T | null | undefined, before: T | undefined, initial: T): T {
  return given === undefined ? (before ?? initial) : (given ?? initial);
}
