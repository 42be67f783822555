import { isDeepStrictEqual } from 'node:util';
import { nextChangeAt } from './answer.ts';
import type { FeatureValue, Segment } from './facts.ts';
import { granted, grantedAt } from './granted.ts';
import { byText } from './order.ts';

/** The causes of a new revision. `boundary` means that time alone changed the answer. */
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
 * What changes between a user's answer just before an instant and the answer at that instant. The lists
 * contain feature codes in order.
 */
export interface AnswerChange {
  /** Epoch milliseconds. */
  at: number;
  gained: string[];
  lost: string[];
  /** Features that remain allowed, but with a different value. */
  changed: string[];
  /** The next instant at which time alone changes the answer, epoch milliseconds; null if it never does. */
  nextChangeAt: number | null;
}

/**
 * Returns the change at an instant.
 *
 * @param had the features that the user could use before `at`.
 * @param timeline the timeline in force from `at` onwards.
 */
export function changeTo(
  had: ReadonlyMap<string, FeatureValue>,
  timeline: readonly Segment[],
  at: number,
): AnswerChange {
  return { at, ...compare(had, grantedAt(timeline, at)), nextChangeAt: nextChangeAt(timeline, at) };
}

/**
 * Returns the changes that time alone makes to a timeline, in order: one per boundary from `from` to `until`,
 * inclusive, in whole milliseconds. Each boundary compares only the segments that end or start there, so the
 * cost grows linearly with the number of segments.
 */
export function boundaryChanges(
  timeline: readonly Segment[],
  from: number,
  until: number,
): AnswerChange[] {
  const ending = Map.groupBy(timeline, ({ validTo }) => validTo);
  const starting = Map.groupBy(timeline, ({ validFrom }) => validFrom);
  const bounds = [...new Set([...ending.keys(), ...starting.keys()])]
    .filter((bound) => bound !== null)
    .toSorted((a, b) => a - b);
  return bounds.flatMap((at, index) =>
    at < from || at > until
      ? []
      : [
          {
            at,
            ...compare(granted(ending.get(at) ?? []), granted(starting.get(at) ?? [])),
            nextChangeAt: bounds[index + 1] ?? null,
          },
        ],
  );
}

/**
 * Returns when a granted feature first ends after an instant, epoch milliseconds; null if none is known to
 * end.
 */
export function nextEndAfter(timeline: readonly Segment[], instant: number): number | null {
  return (
    boundaryChanges(timeline, instant + 1, Infinity).find(({ lost }) => lost.length > 0)?.at ?? null
  );
}

type Difference = Pick<AnswerChange, 'gained' | 'lost' | 'changed'>;

function compare(
  had: ReadonlyMap<string, FeatureValue>,
  has: ReadonlyMap<string, FeatureValue>,
): Difference {
  const both = [...has.keys()].filter((code) => had.has(code));
  return {
    gained: [...has.keys()].filter((code) => !had.has(code)).toSorted(byText),
    lost: [...had.keys()].filter((code) => !has.has(code)).toSorted(byText),
    changed: both
      .filter((code) => !isDeepStrictEqual(had.get(code), has.get(code)))
      .toSorted(byText),
  };
}
