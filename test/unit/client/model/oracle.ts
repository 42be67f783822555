import type { Check } from '../../../../src/client/index.ts';
import { type Facts, windowAt } from './facts.ts';
import { type Held, instantOf } from './knowledge.ts';
import { reportMs } from './network.ts';

/** A check, and what was so when it was answered. Instants in epoch milliseconds. */
export interface Asked {
  userId: string;
  feature: string;
  askedAt: number;
  answeredAt: number;
  check: Check;
  /** What the client may know of the user. */
  held: Held | undefined;
  /** When the last gap reached the client: it may have missed changes before that instant. */
  gapAt: number;
  /** The stream reported every change until this instant, but for their way; null = it does not work. */
  reportedUntil: number | null;
}

/** How old answers and their facts may be, milliseconds: the table of the client's README. */
const bounds = {
  maxStaleMs: 60_000,
  maxLastKnownMs: 86_400_000,
  /** The longest way of a report: an event's delay, after those before it. */
  reportMs,
  /**
   * A check shares a request that began at most a time limit before it, and is as old as the service's cache
   * is late.
   */
  serverMs: 1_000 + 200,
  /** A request begins one tick after the client notes its time. */
  tickMs: 1,
};

/** Returns what is wrong with a check; null if it is right. */
export function faultOf(facts: Facts, asked: Asked): string | null {
  switch (asked.check.source) {
    case 'server':
      return serverFault(facts, asked);
    case 'cache':
      return cacheFault(facts, asked);
    case 'last_known':
    case 'fallback':
      return lastKnownFault(facts, asked);
  }
}

/** Returns whether one of the versions in a span of time says at an instant what the check says. */
function holds(facts: Facts, { userId, feature, check, answeredAt }: Asked) {
  return (from: number, instant: number): boolean =>
    facts.versionsWithin(userId, from, answeredAt).some(({ windows }) => {
      const window = windowAt(windows[feature], instant);
      return check.allowed ? window?.value === check.value : window === undefined;
    });
}

function serverFault(facts: Facts, asked: Asked): string | null {
  const from = asked.askedAt - bounds.serverMs;
  const instants = instantsWithin(facts, asked.userId, from, asked.answeredAt);
  const isSo = instants.some((instant) => holds(facts, asked)(from, instant));
  return isSo ? null : 'the service never said so';
}

function cacheFault(facts: Facts, asked: Asked): string | null {
  const { held, answeredAt, check, feature, gapAt, reportedUntil } = asked;
  if (held === undefined) return 'a cached answer that never arrived';
  if (held.isOutdated) return 'a cached answer that a report or a gap outdated';
  if (answeredAt >= held.nextChangeAt) return 'a cached answer after its next change';
  if (!isSame(check, answerCheck(held, held.answer, feature))) return 'not what the answer says';
  // A change of the same millisecond may follow the answer.
  const seenFrom = held.seenAt - 1;
  const isYoung = answeredAt < held.askedAt + bounds.maxStaleMs;
  const isSettled = held.askedAt >= gapAt + bounds.maxStaleMs;
  if (isSettled && reportedUntil !== null) {
    const from = Math.max(reportedUntil - bounds.reportMs, seenFrom);
    return holds(facts, asked)(from, answeredAt) ? null : `lacks a change from before ${from}`;
  }
  if (!isYoung) return `loaded ${answeredAt - held.askedAt} ms ago, and no stream vouches for it`;
  return holds(facts, asked)(seenFrom, answeredAt) ? null : 'older than the answer it is from';
}

/** The last known answer is exact: it is what the last answer, one change ahead and the reports say. */
function lastKnownFault(facts: Facts, asked: Asked): string | null {
  const { held, answeredAt, check, feature } = asked;
  const oldAt = held === undefined ? -Infinity : held.askedAt + bounds.maxLastKnownMs;
  if (check.source === 'fallback') {
    if (check.allowed) return 'allowed without an answer';
    return answeredAt >= oldAt - bounds.tickMs ? null : 'a known answer was not used';
  }
  if (held === undefined || answeredAt >= oldAt) return 'a last known answer that is too old';
  if (!isSame(check, lastKnownOf(held, feature, answeredAt))) return 'not what was known last';
  // By the facts, too: what was allowed was so by a version of the last day.
  if (!check.allowed) return null;
  const versions = facts.versionsWithin(asked.userId, held.seenAt - 1, answeredAt);
  const isSo = versions.some(({ windows }) => windowAt(windows[feature], answeredAt) !== undefined);
  return isSo ? null : 'allowed after its end';
}

interface Expected {
  allowed: boolean;
  reason: string;
  value: unknown;
}

function isSame(check: Check, { allowed, reason, value }: Expected): boolean {
  return check.allowed === allowed && check.reason === reason && check.value === value;
}

/** Returns the last known check of a feature, as the client's README states it. */
function lastKnownOf(held: Held, feature: string, now: number): Expected {
  const report = held.reports.get(feature);
  if (report !== undefined) {
    if (!report.isGain) return { allowed: false, reason: 'lost', value: null };
    if (now < report.nextChangeAt) return { allowed: true, reason: 'granted', value: null };
    return { allowed: false, reason: 'expired', value: null };
  }
  const isAhead = held.ahead !== null && now >= held.nextChangeAt;
  return answerCheck(held, isAhead ? held.ahead : held.answer, feature, now);
}

function answerCheck(
  held: Held,
  answer: Held['ahead'],
  feature: string,
  now = -Infinity,
): Expected {
  const { entitlements, denied } = answer ?? held.answer;
  const given = entitlements.find(({ feature_code: code }) => code === feature);
  if (given === undefined) {
    return { allowed: false, reason: denied?.[feature] ?? 'feature_not_found', value: null };
  }
  if (now >= instantOf(given.valid_to)) return { allowed: false, reason: 'expired', value: null };
  return { allowed: true, reason: 'granted', value: given.value };
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
