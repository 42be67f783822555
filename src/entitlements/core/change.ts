import { isDeepStrictEqual } from 'node:util';
import { nextChangeAt } from './answer.ts';
import type { FeatureValue, Segment } from './facts.ts';
import { grantedAt } from './granted.ts';
import { byText } from './order.ts';

/** The cause of a new revision. `boundary`: time alone changed the answer. */
export const changeCauses = {
  stripe: "Stripe's objects changed",
  operator: 'an operator granted, revoked, linked or assigned',
  catalog: 'features, products or prices changed',
  policy: "the project's settings changed",
  boundary: 'time alone: a window began or ended',
  reconciliation: 'a reconciliation corrected the mirror',
  erasure: "an operator erased the user's personal data",
} as const;

export type ChangeCause = keyof typeof changeCauses;

/**
 * The difference between a user's answers right before an instant and at it. All lists are sorted feature
 * codes.
 */
export interface AnswerChange {
  /** Epoch milliseconds. */
  at: number;
  gained: string[];
  lost: string[];
  /** Features that stay allowed with another value. */
  changed: string[];
  /** The next instant at which time alone changes the answer, epoch milliseconds; null = none. */
  nextChangeAt: number | null;
}

/**
 * Returns the change at an instant.
 *
 * @param had the features that the user could use before it.
 * @param timeline the timeline in force from that instant on.
 */
export function changeTo(
  had: ReadonlyMap<string, FeatureValue>,
  timeline: readonly Segment[],
  at: number,
): AnswerChange {
  const has = grantedAt(timeline, at);
  const kept = [...has].filter(([code]) => had.has(code));
  return {
    at,
    gained: [...has.keys()].filter((code) => !had.has(code)).toSorted(byText),
    lost: [...had.keys()].filter((code) => !has.has(code)).toSorted(byText),
    changed: kept
      .filter(([code, value]) => !isDeepStrictEqual(had.get(code), value))
      .map(([code]) => code)
      .toSorted(byText),
    nextChangeAt: nextChangeAt(timeline, at),
  };
}

/**
 * Returns the changes that time alone makes to a timeline, in order: one per boundary from `from` to `until`,
 * both included, whole milliseconds.
 */
export function boundaryChanges(
  timeline: readonly Segment[],
  from: number,
  until: number,
): AnswerChange[] {
  const changes: AnswerChange[] = [];
  let at = nextChangeAt(timeline, from - 1);
  while (at !== null && at <= until) {
    changes.push(changeTo(grantedAt(timeline, at - 1), timeline, at));
    at = nextChangeAt(timeline, at);
  }
  return changes;
}
