/** The rate limit for each id. */
export interface BucketRule {
  /** The refill rate, tokens per second. */
  perSecond: number;
  /** The capacity of a bucket. A new bucket is full. */
  capacity: number;
  /** Maximum number of ids. Beyond it, the least recently used id is dropped. */
  maxEntries: number;
}

export interface TokenBuckets {
  /**
   * Takes a token from the id's bucket at `now` (epoch milliseconds).
   *
   * @returns 0 if a token was taken; otherwise the number of milliseconds until the next one.
   */
  take(id: string, now: number): number;
  /** Puts a token back into the bucket, for a request that turned out not to count. */
  giveBack(id: string): void;
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Creates in-process token buckets per id, with bounded memory. If a bucket is dropped, the id starts with a
 * full one again, which favors the caller. Pure: `now` is a parameter.
 */
export function createTokenBuckets(rule: BucketRule): TokenBuckets {
  const { perSecond, capacity, maxEntries } = rule;
  const buckets = new Map<string, Bucket>();

  /** Moves the id to the end, so that the map stays in order of use. */
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
      // If the clock is set back, the bucket neither gains nor loses tokens.
      const refill = (Math.max(0, now - bucket.at) / 1_000) * perSecond;
      bucket.tokens = Math.min(capacity, bucket.tokens + refill);
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
