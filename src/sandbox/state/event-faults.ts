/** How events fail to tell what happened. Patterns are types, or prefixes such as `invoice.*`. */
export interface EventFaults {
  /** Never made at all: not sent, not listed. */
  suppress?: readonly string[];
  /** Made twice for one change, under two ids. */
  twice?: readonly string[];
}

/** Whether `customer.*`, `*` or a plain type names an event type. */
export function matchesType(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** How many events one change makes. */
export function eventCount({ suppress = [], twice = [] }: EventFaults, type: string): 0 | 1 | 2 {
  if (suppress.some((pattern) => matchesType(pattern, type))) {
    return 0;
  }
  return twice.some((pattern) => matchesType(pattern, type)) ? 2 : 1;
}
