/** A clock that stands still until a test moves it. Instants and durations in milliseconds. */
export class TestClock {
  #now: number;
  #passed = 0;

  constructor(now: number) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  /**
   * The total of forward moves: the monotonic clock of a process, which setting the clock back does not move.
   */
  readonly monotonic = (): number => {
    // Fractions of milliseconds, as a real clock has.
    this.#passed += 1 / 1024;
    return this.#passed;
  };

  set(instant: number): void {
    this.#passed += Math.max(0, instant - this.#now);
    this.#now = instant;
  }

  advance(byMs: number): void {
    this.set(this.#now + byMs);
  }
}

/** A clock that differs from another one by an offset; durations are the other's. */
export class ApartClock extends TestClock {
  aheadMs = 0;
  override readonly now: () => number;
  override readonly monotonic: () => number;

  constructor(other: TestClock) {
    super(other.now());
    this.now = () => other.now() + this.aheadMs;
    this.monotonic = other.monotonic;
  }
}

/** Replaces the clock that a test moves. */
export class FollowingClock extends TestClock {
  override readonly now: () => number;
  override readonly monotonic: () => number;

  constructor(now: () => number) {
    super(now());
    this.now = now;
    let last = now();
    let passed = 0;
    this.monotonic = () => {
      const read = now();
      passed += Math.max(0, read - last);
      last = read;
      return passed;
    };
  }
}
