/** A clock that runs with the machine's until it is set. After that it is frozen. */
export class MovableClock {
  #heldAt: number | undefined;

  /** Epoch milliseconds. */
  readonly now = (): number => this.#heldAt ?? Date.now();

  /** Sets the clock to an instant, epoch milliseconds. */
  moveTo(instant: number): void {
    this.#heldAt = instant;
  }
}
