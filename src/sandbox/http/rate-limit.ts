/** Maximum requests per second; more get a 429. */
export interface RateLimit {
  /** Over all endpoints; absent: none. Stripe's is 100 in live mode, 25 in a sandbox. */
  total?: number;
  /** For each method and path pattern; absent: none. Stripe's is 25. */
  perEndpoint?: number;
}

/** Which of Stripe's limits a request exceeded, as in the header `Stripe-Rate-Limited-Reason`. */
export type LimitReason = 'global-rate' | 'endpoint-rate';

/** Counts requests in any second. A refused request does not count. */
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
   * Charges a request. @param now epoch ms. @returns why the request is refused; null: it is admitted and
   * counts.
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

/** The instants of the last second. */
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
