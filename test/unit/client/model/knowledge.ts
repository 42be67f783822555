import type { Answer, Change } from '../../../../src/client/index.ts';

/** What the client may know of a user, by what reached it. Instants in epoch milliseconds. */
export interface Held {
  readonly answer: Answer;
  readonly askedAt: number;
  /** The service's facts are those of this instant. */
  readonly seenAt: number;
  readonly nextChangeAt: number;
  /** Whether a change that it lacks was reported, or may have been missed. */
  isOutdated: boolean;
  /** The answer from `nextChangeAt` on. */
  ahead: Answer | null;
  /** The last reported change of each feature that the answer lacks, and whether the feature was gained by it. */
  readonly reports: Map<string, { isGain: boolean; nextChangeAt: number }>;
}

/** Takes the answers of a request when they reach the client; they state the facts of `seenAt`. */
export type Arrive = (answers: readonly Answer[], seenAt: number) => void;

interface Mark {
  revision: number;
  at: number;
}

/** Follows what reaches the client, in order: answers, reported changes and gaps. */
export class Knowledge {
  /** When the last gap reached the client: it may have missed changes before that instant. */
  gapAt = -Infinity;
  #gaps = 0;
  readonly #users = new Map<string, Held>();
  /** The last change that was reported of each user since the last gap. */
  readonly #reported = new Map<string, Mark>();

  of(userId: string): Held | undefined {
    return this.#users.get(userId);
  }

  /**
   * Begins a request.
   *
   * @param at the instant for which it asks; null = the present.
   */
  ask(userIds: readonly string[], at: string | null): Arrive {
    const askedAt = Date.now();
    const before = new Map(userIds.map((userId) => [userId, this.of(userId)]));
    const marks = new Map(userIds.map((userId) => [userId, this.#markOf(userId)]));
    const gaps = this.#gaps;
    return (answers, seenAt) => {
      for (const answer of answers) {
        const { user_id: userId } = answer;
        const known = before.get(userId);
        if (at !== null) {
          if (known?.answer.revision === answer.revision) known.ahead = answer;
          continue;
        }
        const mark = laterOf(marks.get(userId), this.#reported.get(userId));
        if (mark === undefined || contains(answer, mark)) {
          this.#keep(answer, askedAt, seenAt, gaps !== this.#gaps);
        }
      }
    };
  }

  report(change: Change): void {
    const { user_id: userId, revision } = change;
    const mark = { revision, at: Date.parse(change.at) };
    this.#reported.set(userId, laterOf(this.#reported.get(userId), mark) ?? mark);
    const held = this.of(userId);
    if (held === undefined || contains(held.answer, mark)) return;
    held.isOutdated = true;
    if (held.ahead !== null && contains(held.ahead, mark)) return;
    const nextChangeAt = instantOf(change.next_change_at);
    for (const code of change.lost) held.reports.set(code, { isGain: false, nextChangeAt });
    for (const code of change.gained) held.reports.set(code, { isGain: true, nextChangeAt });
  }

  gap(): void {
    this.gapAt = Date.now();
    this.#gaps += 1;
    this.#reported.clear();
    for (const held of this.#users.values()) held.isOutdated = true;
  }

  /** What the next answer of a user must contain: the last report, and the revision that is known. */
  #markOf(userId: string): Mark | undefined {
    const held = this.of(userId);
    const known = held?.isOutdated === false ? held.answer.revision : undefined;
    return laterOf(
      this.#reported.get(userId),
      known === undefined ? undefined : { revision: known, at: -Infinity },
    );
  }

  /** Keeps an answer, unless a newer one is known. */
  #keep(answer: Answer, askedAt: number, seenAt: number, isOutdated: boolean): void {
    const before = this.of(answer.user_id);
    if (before?.isOutdated === false && before.answer.revision > answer.revision) return;
    const nextChangeAt = instantOf(answer.next_change_at);
    const isSame =
      before?.answer.revision === answer.revision && before.nextChangeAt === nextChangeAt;
    this.#users.set(answer.user_id, {
      ...{ answer, askedAt, seenAt, nextChangeAt, isOutdated },
      ahead: isSame ? before.ahead : null,
      reports: new Map(),
    });
  }
}

/** Returns an instant in epoch milliseconds; Infinity for null. */
export function instantOf(text: string | null): number {
  return text === null ? Infinity : Date.parse(text);
}

function laterOf(one: Mark | undefined, other: Mark | undefined): Mark | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const isLater = one.revision - other.revision || one.at - other.at;
  return isLater > 0 ? one : other;
}

function contains(answer: Answer, { revision, at }: Mark): boolean {
  return (
    answer.revision > revision ||
    (answer.revision === revision && instantOf(answer.next_change_at) > at)
  );
}
