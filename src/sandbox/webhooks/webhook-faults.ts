import { matchesType } from '../state/event-faults.ts';

/** Faults in webhook deliveries. They can be changed at any time. */
export interface WebhookFaults {
  /** Drops events: all, or those whose type matches a pattern such as `invoice.*`. */
  drop?: boolean | readonly string[];
  /** Drops this share (0 to 1) of the events that `drop` does not drop. Every run drops the same events. */
  dropShare?: number;
  /** The number of additional deliveries of each event. */
  repeat?: number;
  /** The delay of each delivery in ms, by the sandbox's clock. */
  delayMs?: number;
  /** The maximum random delay to add to each delivery, in ms. */
  jitterMs?: number;
  /** Shuffles deliveries, in the same order in every run. */
  shuffle?: boolean;
  /** Overrides the `livemode` of events, which is otherwise false. */
  livemode?: boolean;
  /** Sets the `account` of events, which is otherwise absent. */
  account?: string;
}

/**
 * Returns whether the faults drop an event of this type.
 * @param random returns a number that is at least 0 and below 1; called only if `dropShare` is set.
 */
export function isDropped(faults: WebhookFaults, type: string, random: () => number): boolean {
  const { drop = false, dropShare } = faults;
  const named =
    typeof drop === 'boolean' ? drop : drop.some((pattern) => matchesType(pattern, type));
  return named || (dropShare !== undefined && random() < dropShare);
}

/**
 * Returns a generator of random numbers that are at least 0 and below 1, with the same sequence in every run
 * (mulberry32).
 */
export function createRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ item }) => item);
}
