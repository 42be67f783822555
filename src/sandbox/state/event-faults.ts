/** Faults in the creation of events. Patterns are event types, or prefixes such as `invoice.*`. */
export interface EventFaults {
  /** Events that are never created, and so are neither sent nor listed. */
  suppress?: readonly string[];
  /** Events that are created twice for one change, with different ids. */
  twice?: readonly string[];
}

/** Returns whether `customer.*`, `*` or a plain type matches an event type. */
export function matchesType(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** Returns how many events one change creates. */
export function eventCount({ suppress = [], twice = [] }: EventFaults, type: string): 0 | 1 | 2 {
  if (suppress.some((pattern) => matchesType(pattern, type))) {
    return 0;
  }
  return twice.some((pattern) => matchesType(pattern, type)) ? 2 : 1;
}
