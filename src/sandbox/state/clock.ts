/** The sandbox's clock: the source's time plus the time by which the sandbox was advanced. */
export class SandboxClock {
  readonly #source: () => number;
  #offsetMs = 0;
  #instantMs: number | undefined;

  constructor(source: () => number) {
    this.#source = source;
  }

  /** Returns the time in epoch milliseconds. */
  now(): number {
    return this.#instantMs ?? this.#source() + this.#offsetMs;
  }

  /** Returns the time in whole epoch seconds, as in every Stripe timestamp. */
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

  /** Runs `work` with the clock set to the time at which the work was due. */
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
