import { matchesType } from '../state/event-faults.ts';

/** Faults of deliveries to endpoints. Can be changed at any time. */
export interface WebhookFaults {
  /** Drops events: all, or those whose type matches a pattern such as `invoice.*`. */
  drop?: boolean | readonly string[];
  /** Drops this share of the others, from 0 to 1, the same ones in every run. */
  dropShare?: number;
  /** Number of additional deliveries of each event. */
  repeat?: number;
  /** Delays each event, by the sandbox's clock. */
  delayMs?: number;
  /** Maximum additional delay of each event. */
  jitterMs?: number;
  /** Shuffles deliveries, in the same order in every run. */
  shuffle?: boolean;
  /** Marks events as of this mode. The sandbox's own are not live. */
  livemode?: boolean;
  /** Marks events as of this account. The sandbox's own name none. */
  account?: string;
}

/**
 * Returns whether an event of this type is lost.
 * @param random from 0 up to 1; drawn only if a share is to be lost.
 */
export function isDropped(faults: WebhookFaults, type: string, random: () => number): boolean {
  const { drop = false, dropShare } = faults;
  const named =
    typeof drop === 'boolean' ? drop : drop.some((pattern) => matchesType(pattern, type));
  return named || (dropShare !== undefined && random() < dropShare);
}

/** Returns numbers from 0 up to 1, the same in every run (mulberry32). */
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
