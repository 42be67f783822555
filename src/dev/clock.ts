/** A clock that runs with the machine's until it is moved, and from then on stands still where it was put. */
export class MovableClock {
  #heldAt: number | undefined;

  /** Epoch milliseconds. */
  readonly now = (): number => this.#heldAt ?? Date.now();

  /** Puts the clock to an instant, epoch milliseconds. */
  moveTo(instant: number): void {
    this.#heldAt = instant;
  }
}
