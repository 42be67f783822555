/** How the way to the endpoints misbehaves. May be changed at any time. */
export interface WebhookFaults {
  /** Lose events: all, or those whose type matches a pattern such as `invoice.*`. */
  drop?: boolean | readonly string[];
  /** How many more times each event is sent. */
  repeat?: number;
  /** Keep each event back, by the sandbox's clock. */
  delayMs?: number;
  /** Send in another order than that in which things happened. The same in every run. */
  shuffle?: boolean;
}

export function isDropped(faults: WebhookFaults, type: string): boolean {
  return Array.isArray(faults.drop)
    ? faults.drop.some((pattern: string) => matchesType(pattern, type))
    : faults.drop === true;
}

/** Whether `customer.*`, `*` or a plain type names an event type. */
export function matchesType(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** Another order, drawn from a generator that starts the same in every run (mulberry32). */
export function createShuffle(seed = 1): <T>(items: readonly T[]) => T[] {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return (items) =>
    items
      .map((item) => ({ item, rank: random() }))
      .sort((left, right) => left.rank - right.rank)
      .map(({ item }) => item);
}
