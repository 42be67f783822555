import type { Check } from '../../../../src/client/index.ts';
import { type Facts, windowAt } from './facts.ts';

/** A check, and when it was asked and answered. */
export interface Asked {
  userId: string;
  feature: string;
  askedAt: number;
  answeredAt: number;
  check: Check;
  /** Whether the stream worked when it was answered. */
  wasLive: boolean;
}

export interface Bounds {
  /** How old facts may be while the stream works, milliseconds: the way of an event. */
  liveMs: number;
  maxStaleMs: number;
  maxLastKnownMs: number;
  /** How old the facts of an answer from the service may be. */
  serverMs: number;
}

/** The last answer that reached the client. */
export interface Reached {
  /** When the service answered it, at the latest. */
  at: number;
  /** The instant from which it is known what holds; later than `at` if it was loaded ahead. */
  knownFrom: number[];
}

/** Returns what is wrong with a check; null if it is right. */
export function faultOf(
  facts: Facts,
  asked: Asked,
  bounds: Bounds,
  reached: Reached | undefined,
): string | null {
  const { userId, feature, check, answeredAt, askedAt } = asked;
  const holds = (from: number, instant: number): boolean =>
    facts.versionsWithin(userId, from, answeredAt).some(({ windows }) => {
      const window = windowAt(windows[feature], instant);
      return check.allowed ? window?.value === check.value : window === undefined;
    });
  switch (check.source) {
    case 'server': {
      // Read at some instant while it was asked, or shortly before by a request that it shares.
      const from = askedAt - bounds.serverMs;
      const instants = instantsWithin(facts, userId, from, answeredAt);
      return instants.some((instant) => holds(from, instant)) ? null : 'the service never said so';
    }
    case 'cache': {
      const ageMs = asked.wasLive ? bounds.liveMs : bounds.maxStaleMs;
      return holds(answeredAt - ageMs, answeredAt) ? null : `older than ${ageMs} ms`;
    }
    case 'last_known':
      if (check.allowed) {
        const from = answeredAt - bounds.maxLastKnownMs;
        const isTold = check.value === null;
        const allows = facts
          .versionsWithin(userId, from, answeredAt)
          .some(({ windows }) => windowAt(windows[feature], answeredAt) !== undefined);
        return holds(from, answeredAt) || (isTold && allows) ? null : 'allowed after its end';
      }
      return isJustified(facts, asked, reached) ? null : 'a payer was denied';
    case 'fallback':
      if (check.allowed) return 'allowed without an answer';
      return reached === undefined || answeredAt >= reached.at + bounds.maxLastKnownMs
        ? null
        : 'a payer with a known answer fell back';
  }
}

/** Returns whether facts that were in force since the last answer deny, or the answer itself did. */
function isJustified(facts: Facts, asked: Asked, reached: Reached | undefined): boolean {
  const { userId, feature, answeredAt } = asked;
  if (reached === undefined) return true;
  const since = facts.versionsWithin(userId, reached.at, answeredAt);
  const denies = (instant: number, versions = since): boolean =>
    versions.some(({ windows }) => windowAt(windows[feature], instant) === undefined);
  if (denies(answeredAt)) return true;
  // What starts after the last instant of which it is known what holds cannot be known.
  const base = Math.max(reached.at, ...reached.knownFrom.filter((at) => at <= answeredAt));
  if (denies(base, since.slice(0, 1))) return true;
  // A reported loss holds until the answer is loaded; of a reported gain, the end is not known.
  return facts.feed.some(
    (change) =>
      change.user_id === userId &&
      Date.parse(change.at) > reached.at &&
      (change.lost.includes(feature) ||
        (change.gained.includes(feature) && Date.parse(change.next_change_at ?? '') <= answeredAt)),
  );
}

/** Returns the instants at which answers may differ, in a span of time. */
function instantsWithin(facts: Facts, userId: string, from: number, until: number): number[] {
  const ends = facts.versionsWithin(userId, from, until).flatMap(({ since, windows }) => [
    since,
    ...Object.values(windows)
      .flat()
      .flatMap((window) => [window.from, window.until]),
  ]);
  return [from, until, ...ends.filter((end) => end > from && end < until)];
}
