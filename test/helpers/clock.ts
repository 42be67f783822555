/** A clock that stands still until it is told otherwise. Instants and durations in milliseconds. */
export class TestClock {
  #now: number;
  #passed = 0;

  constructor(now: number) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  /** How far the clock has gone forward: the other clock of a process, which no step back moves. */
  readonly monotonic = (): number => {
    // Fractions of milliseconds, which the real one has too.
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

/** A clock that is apart from another one, by as much as a test says; durations are the other's. */
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

/** Another clock in the place of one that a test moves. */
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
