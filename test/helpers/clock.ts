/** A clock that stands still until it is told otherwise. Instants and durations in milliseconds. */
export class TestClock {
  #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  set(instant: number): void {
    this.#now = instant;
  }

  advance(byMs: number): void {
    this.#now += byMs;
  }
}

/** Another clock in the place of one that a test moves. */
export class FollowingClock extends TestClock {
  override readonly now: () => number;

  constructor(now: () => number) {
    super(now());
    this.now = now;
  }
}
