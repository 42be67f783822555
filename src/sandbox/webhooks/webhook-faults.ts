import { matchesType } from '../state/event-faults.ts';

/** How the way to the endpoints misbehaves. May be changed at any time. */
export interface WebhookFaults {
  /** Lose events: all, or those whose type matches a pattern such as `invoice.*`. */
  drop?: boolean | readonly string[];
  /** Lose this share of the others, from 0 to 1. The same ones in every run. */
  dropShare?: number;
  /** How many more times each event is sent. */
  repeat?: number;
  /** Keep each event back, by the sandbox's clock. */
  delayMs?: number;
  /** Keep each event back for up to so much longer. */
  jitterMs?: number;
  /** Send in another order than that in which things happened. The same in every run. */
  shuffle?: boolean;
  /** Say that events are of this mode. The sandbox's own are not live. */
  livemode?: boolean;
  /** Say that events are of this account. The sandbox's own name none. */
  account?: string;
}

/** @param random from 0 up to 1; drawn only where a share is to be lost. */
export function isDropped(faults: WebhookFaults, type: string, random: () => number): boolean {
  const { drop = false, dropShare } = faults;
  const named =
    typeof drop === 'boolean' ? drop : drop.some((pattern) => matchesType(pattern, type));
  return named || (dropShare !== undefined && random() < dropShare);
}

/** Numbers from 0 up to 1, the same in every run (mulberry32). */
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
