/** Random choices that a seed repeats (Park and Miller's generator). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647;
    return low + (this.#state % (high - low + 1));
  }

  /** True this often in a hundred. */
  percent(chance: number): boolean {
    return this.integer(1, 100) <= chance;
  }

  pick<T>(all: readonly T[]): T {
    const one = all[this.integer(0, all.length - 1)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}
