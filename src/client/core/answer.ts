import type { Answer } from '../routes.ts';

/** Where an answer came from: `last_known` and `fallback` mean that the service was not reachable. */
export type Source = 'cache' | 'server' | 'last_known' | 'fallback';

/** Whether a user may use a feature, and why. */
export interface Check {
  readonly allowed: boolean;
  /** `granted`, or why it is denied; `unavailable` if no answer is known. */
  readonly reason: string;
  /** The value of the feature; null if it is denied. */
  readonly value: unknown;
  /** The end of the entitlement, ISO 8601; null = open, or denied. */
  readonly validTo: string | null;
  readonly revision: number;
  readonly source: Source;
}

/** What the client knows about a user. Instants in epoch milliseconds. */
export interface Known {
  answer: Answer;
  /** One per feature of the answer, so that a check from the cache allocates nothing. */
  checks: Map<string, Check>;
  fetchedAt: number;
  /** When the answer changes by itself; Infinity = never. */
  nextChangeAt: number;
  /** Whether a change was reported after it was fetched, so that it only serves as the last known answer. */
  isOutdated: boolean;
  /** Features that the user lost by reported changes. */
  lost: Set<string>;
  /** Whether it was used since the last eviction. */
  isUsed: boolean;
}

/** Indexes an answer that was fetched at an instant. */
export function toKnown(answer: Answer, fetchedAt: number): Known {
  return {
    answer,
    checks: toChecks(answer, 'cache'),
    fetchedAt,
    nextChangeAt: answer.next_change_at === null ? Infinity : Date.parse(answer.next_change_at),
    isOutdated: false,
    lost: new Set(),
    isUsed: true,
  };
}

function toChecks(answer: Answer, source: Source): Map<string, Check> {
  const { revision } = answer;
  const checks = new Map<string, Check>();
  for (const [code, reason] of Object.entries(answer.denied ?? {})) {
    checks.set(code, { ...denial(reason, revision), source });
  }
  for (const { feature_code: code, value, valid_to: validTo } of answer.entitlements) {
    checks.set(code, { allowed: true, reason: 'granted', value, validTo, revision, source });
  }
  return checks;
}

function denial(reason: string, revision: number): Omit<Check, 'source'> {
  return { allowed: false, reason, value: null, validTo: null, revision };
}

/** Returns the check of a feature; one that the answer does not contain does not exist. */
export function checkOf(known: Known, code: string, source: Source): Check {
  const found = known.checks.get(code);
  if (found === undefined) {
    return { ...denial('feature_not_found', known.answer.revision), source };
  }
  return source === 'cache' ? found : { ...found, source };
}

/**
 * Returns whether an answer may be used without asking: until it changes by itself, as long as the stream
 * reports changes; without the stream only for `maxStaleMs` after it was fetched.
 */
export function isFresh(
  known: Known,
  now: number,
  isStreaming: boolean,
  maxStaleMs: number,
): boolean {
  return (
    !known.isOutdated &&
    now < known.nextChangeAt &&
    (isStreaming || now < known.fetchedAt + maxStaleMs)
  );
}
