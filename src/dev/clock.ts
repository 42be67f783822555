/** A clock that shows the machine's time until it is set. After that it stands still. */
export class MovableClock {
  #setTo: number | undefined;

  /** Returns the current time in epoch milliseconds. */
  readonly now = (): number => this.#setTo ?? Date.now();

  /** Sets the clock to a time in epoch milliseconds. */
  moveTo(instant: number): void {
    this.#setTo = instant;
  }
}
