import type { Answer, Change } from '../routes.ts';

/**
 * Where a check came from. `cache`: an answer that the client kept; `server`: an answer that was just loaded;
 * `last_known`: the last answer, while the service is unreachable; `fallback`: the fail mode, while the service
 * is unreachable and no last answer decides.
 */
export type Source = 'cache' | 'server' | 'last_known' | 'fallback';

/** Whether a user may use a feature, and why. */
export interface Check {
  readonly allowed: boolean;
  /**
   * `granted`, or why the feature is denied. While the service is unreachable, also `unavailable` if the fail
   * mode decided, and `lost` if a reported change took the feature and the reason could not be loaded.
   */
  readonly reason: string;
  /** The value of the feature; null if it is denied, or allowed without a known value. */
  readonly value: unknown;
  /** The end of the entitlement, ISO 8601; null if no end is known or the feature is denied. */
  readonly validTo: string | null;
  readonly revision: number;
  readonly source: Source;
  /**
   * What is left of a metered feature; Infinity if unlimited, null if it was not loaded. Absent for other
   * features, and if a metered feature is denied for another reason than its balance.
   */
  readonly balance?: number | null;
}

/** What the client knows about a user. Instants in epoch milliseconds. */
export interface Known {
  readonly answer: Answer;
  /** One check per feature of the answer, so that a check from the cache allocates nothing. */
  readonly checks: ReadonlyMap<string, Check>;
  readonly fetchedAt: number;
  /** When the answer changes by itself; Infinity = never. */
  readonly nextChangeAt: number;
  /** Whether the answer may lack a change, so that it only serves as the last known answer. */
  isOutdated: boolean;
  /**
   * Whether the stream reports every change that the answer lacks. If not, the answer is loaded again after
   * `maxStaleMs`.
   */
  isSettled: boolean;
  /** The checks of features that reported changes name, until the answer is loaded again. */
  readonly reports: Map<string, Check>;
  /** The answer that will hold from `nextChangeAt` on, if nothing else changes; null if it was not loaded. */
  upcoming: Known | null;
  /** Whether the answer was read since the last eviction. */
  isUsed: boolean;
}

/** Indexes an answer that was fetched at an instant. */
export function toKnown(answer: Answer, fetchedAt: number): Known {
  return {
    answer,
    checks: toChecks(answer),
    fetchedAt,
    nextChangeAt: instantOf(answer.next_change_at),
    isOutdated: false,
    isSettled: true,
    reports: new Map(),
    upcoming: null,
    isUsed: true,
  };
}

function toChecks(answer: Answer): Map<string, Check> {
  const { revision } = answer;
  const checks = new Map<string, Check>();
  for (const [code, reason] of Object.entries(answer.denied ?? {})) {
    checks.set(code, denial(reason, revision, 'cache'));
  }
  for (const { feature_code: code, type, value, valid_to: validTo } of answer.entitlements) {
    checks.set(code, {
      ...{ allowed: true, reason: 'granted', value, validTo, revision },
      source: 'cache',
      // Balances change with every use, so they are never kept.
      ...(type === 'metered' ? { balance: null } : {}),
    });
  }
  return checks;
}

/** Returns the check of a feature that is denied. */
export function denial(reason: string, revision: number, source: Source): Check {
  return { allowed: false, reason, value: null, validTo: null, revision, source };
}

/** Returns the check of a feature. A feature that the answer does not contain counts as nonexistent. */
export function checkOf(known: Known, code: string, source: Source): Check {
  const found = known.checks.get(code);
  if (found === undefined) return denial('feature_not_found', known.answer.revision, source);
  return source === found.source ? found : { ...found, source };
}

/** Returns whether the balance must decide: of a metered feature that the user may use. */
export function needsBalance({ balance }: Check): boolean {
  return balance === null;
}

/**
 * Returns whether an answer may be used without a request: until it changes by itself, as long as the stream
 * reports changes; without the stream only for `maxStaleMs` after it was fetched.
 */
export function isFresh(known: Known, now: number, isLive: boolean, maxStaleMs: number): boolean {
  return (
    !known.isOutdated &&
    now < known.nextChangeAt &&
    ((isLive && known.isSettled) || isYoung(known, now, maxStaleMs))
  );
}

/** Returns whether an answer was fetched less than `maxAgeMs` ago; false if the clock was set back since. */
export function isYoung(known: Known, now: number, maxAgeMs: number): boolean {
  return now >= known.fetchedAt && now < known.fetchedAt + maxAgeMs;
}

/** A place in the history of a user: a revision, and an instant within it. */
export interface Mark {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

export function markOf({ revision, at }: Change): Mark {
  return { revision, at: Date.parse(at) };
}

/** Returns the later of two marks. */
export function laterOf(one: Mark | undefined, other: Mark): Mark {
  if (one === undefined || one.revision < other.revision) return other;
  return one.revision === other.revision && one.at < other.at ? other : one;
}

/**
 * Returns whether an answer contains a reported change. A boundary does not increase the revision: an answer
 * from before the boundary has it as its next change.
 */
export function contains(known: Known, { revision, at }: Mark): boolean {
  const own = known.answer.revision;
  return own > revision || (own === revision && known.nextChangeAt > at);
}

/** Outdates an answer that does not contain a reported change, and notes what the change says. */
export function outdate(known: Known, change: Change): void {
  known.isOutdated = true;
  // The answer after this change is already known: it was loaded ahead.
  if (known.upcoming !== null && contains(known.upcoming, markOf(change))) return;
  const { revision, next_change_at: validTo } = change;
  for (const code of change.lost) known.reports.set(code, denial('lost', revision, 'last_known'));
  for (const code of change.gained) {
    // A change names no value; the entitlement holds at least until the next change.
    const report = { allowed: true, reason: 'granted', value: null, validTo, revision };
    known.reports.set(code, { ...report, source: 'last_known' });
  }
}

/** Returns an instant in epoch milliseconds; Infinity for null. */
export function instantOf(text: string | null): number {
  return text === null ? Infinity : Date.parse(text);
}
