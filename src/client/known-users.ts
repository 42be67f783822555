import { type Known, laterOf, type Mark } from './core/answer.ts';

/**
 * What the client knows about users, up to a maximum number of users. Evicts users that were not read recently.
 */
export class KnownUsers {
  readonly #users = new Map<string, Known>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#users.size;
  }

  /** Returns what is known about a user who is being checked. */
  get(userId: string): Known | undefined {
    const known = this.#users.get(userId);
    // A flag instead of moving the entry: reading is far more frequent than evicting.
    if (known !== undefined) known.isUsed = true;
    return known;
  }

  /** Returns what is known about a user, without counting as a use. */
  peek(userId: string): Known | undefined {
    return this.#users.get(userId);
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

/**
 * The last reported change of each user, up to a maximum number of users: the oldest reports are forgotten. A
 * report may arrive before every cache of the service has dropped the old answer, so later answers are compared
 * with the report.
 */
export class ReportedChanges {
  readonly #marks = new Map<string, Mark>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(userId: string): Mark | undefined {
    return this.#marks.get(userId);
  }

  note(userId: string, mark: Mark): void {
    const later = laterOf(this.#marks.get(userId), mark);
    this.#marks.delete(userId);
    this.#marks.set(userId, later);
    if (this.#marks.size <= this.#max) return;
    for (const oldest of this.#marks.keys()) {
      this.#marks.delete(oldest);
      return;
    }
  }

  delete(userId: string): void {
    this.#marks.delete(userId);
  }

  clear(): void {
    this.#marks.clear();
  }
}
