import type { Known } from './core/answer.ts';

/** What the client knows about users, bounded: those that were not used for longest are forgotten. */
export class KnownUsers {
  readonly #users = new Map<string, Known>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#users.size;
  }

  get(userId: string): Known | undefined {
    const known = this.#users.get(userId);
    // A flag instead of moving the entry: reading is far more frequent than evicting.
    if (known !== undefined) known.isUsed = true;
    return known;
  }

  set(userId: string, known: Known): void {
    this.#users.delete(userId);
    while (this.#users.size >= this.#max) this.#evict();
    this.#users.set(userId, known);
  }

  /** Marks all answers as outdated: changes may have been missed. */
  outdateAll(): void {
    for (const known of this.#users.values()) known.isOutdated = true;
  }

  /** Evicts the oldest entry that was not used since the last pass. */
  #evict(): void {
    for (const [userId, known] of this.#users) {
      this.#users.delete(userId);
      if (!known.isUsed) return;
      known.isUsed = false;
      this.#users.set(userId, known);
    }
  }
}
