/** The sandbox's time: the source's, moved on by what was advanced. */
export class SandboxClock {
  readonly #source: () => number;
  #offsetMs = 0;
  #instantMs: number | undefined;

  constructor(source: () => number) {
    this.#source = source;
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#instantMs ?? this.#source() + this.#offsetMs;
  }

  /** Epoch seconds, whole, as in every Stripe timestamp. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  set offsetMs(offsetMs: number) {
    this.#offsetMs = offsetMs;
  }

  moveTo(epochMs: number): void {
    this.#offsetMs = epochMs - this.#source();
  }

  /** Runs `work` while the clock stands at an instant: work that fell due then sees that instant. */
  at<T>(epochMs: number, work: () => T): T {
    const outer = this.#instantMs;
    this.#instantMs = epochMs;
    try {
      return work();
    } finally {
      this.#instantMs = outer;
    }
  }
}
