/** How much each id may take. */
export interface BucketRule {
  /** What flows back, tokens per second. */
  perSecond: number;
  /** What a bucket holds at most, and holds at first. */
  capacity: number;
  /** How many ids are remembered; above it the one is forgotten that took longest ago. */
  maxEntries: number;
}

export interface TokenBuckets {
  /**
   * Takes a token from the id's bucket at `now` (epoch milliseconds).
   *
   * @returns milliseconds after which there is one; 0 = taken.
   */
  take(id: string, now: number): number;
  /** Puts the token back that was taken last, since what it was taken for did not come about. */
  giveBack(id: string): void;
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * A bucket of tokens per id, in this process, in bounded memory. One that is forgotten is full again,
 * which errs on the side of whoever asks. Pure: `now` is given.
 */
export function createTokenBuckets(rule: BucketRule): TokenBuckets {
  const { perSecond, capacity, maxEntries } = rule;
  const buckets = new Map<string, Bucket>();

  /** Moves the id to the end, where those are that took last. */
  function bucketOf(id: string, now: number): Bucket {
    const known = buckets.get(id);
    if (known !== undefined) {
      buckets.delete(id);
      buckets.set(id, known);
      return known;
    }
    const [oldest] = buckets.keys();
    if (buckets.size >= maxEntries && oldest !== undefined) buckets.delete(oldest);
    const bucket = { tokens: capacity, at: now };
    buckets.set(id, bucket);
    return bucket;
  }

  return {
    take(id, now) {
      const bucket = bucketOf(id, now);
      // A clock that is set back gives nothing, and takes nothing.
      const flown = (Math.max(0, now - bucket.at) / 1_000) * perSecond;
      bucket.tokens = Math.min(capacity, bucket.tokens + flown);
      bucket.at = now;
      if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000);
      bucket.tokens -= 1;
      return 0;
    },
    giveBack(id) {
      const bucket = buckets.get(id);
      if (bucket !== undefined) bucket.tokens = Math.min(capacity, bucket.tokens + 1);
    },
  };
}
