/** The maximum requests per second. Requests above it get a 429. */
export interface RateLimit {
  /** The limit over all endpoints, unlimited by default. Stripe's is 100 in live mode and 25 in a sandbox. */
  total?: number;
  /** The limit for each method and path pattern, unlimited by default. Stripe's is 25. */
  perEndpoint?: number;
}

/** The limit that a request exceeded, as in Stripe's `Stripe-Rate-Limited-Reason` header. */
export type LimitReason = 'global-rate' | 'endpoint-rate';

/** Limits requests in a sliding one-second window. Rejected requests do not use up the limit. */
export class RateLimiter {
  #limit: RateLimit = {};
  #all = new Recent();
  #endpoints = new Map<string, Recent>();

  set(limit: RateLimit): void {
    this.#limit = limit;
    this.#all = new Recent();
    this.#endpoints.clear();
  }

  /**
   * Admits a request or returns the limit that it exceeds. Only an admitted request counts toward the limits.
   *
   * @param now epoch ms.
   */
  admit(endpoint: string, now: number): LimitReason | null {
    const { total = Infinity, perEndpoint = Infinity } = this.#limit;
    const one = this.#endpoints.get(endpoint) ?? new Recent();
    this.#endpoints.set(endpoint, one);
    if (one.count(now) >= perEndpoint) {
      return 'endpoint-rate';
    }
    if (this.#all.count(now) >= total) {
      return 'global-rate';
    }
    one.add(now);
    this.#all.add(now);
    return null;
  }
}

/** The timestamps of the last second's requests. */
class Recent {
  #instants: number[] = [];
  #first = 0;

  count(now: number): number {
    while ((this.#instants[this.#first] ?? Infinity) <= now - 1000) {
      this.#first += 1;
    }
    if (this.#first > 1000) {
      this.#instants = this.#instants.slice(this.#first);
      this.#first = 0;
    }
    return this.#instants.length - this.#first;
  }

  add(now: number): void {
    this.#instants.push(now);
  }
}
