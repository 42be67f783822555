import type { Availability } from './availability.ts';
import {
  contains,
  isFresh,
  isYoung,
  type Known,
  laterOf,
  type Mark,
  markOf,
  outdate,
  toKnown,
} from './core/answer.ts';
import type { Send } from './http.ts';
import { KnownUsers, ReportedChanges } from './known-users.ts';
import { createLoader } from './loader.ts';
import { LatchkeyError } from './problem.ts';
import type { Answer, Change } from './routes.ts';

export interface AnswersDeps {
  send: Send;
  now: () => number;
  availability: Availability;
  /** Whether the stream reports every change. */
  isLive: (now: number) => boolean;
}

export interface AnswersOptions {
  maxUsers: number;
  maxStaleMs: number;
  maxLastKnownMs: number;
  timeoutMs: number;
}

export interface Answers {
  /** Returns a user's answer if it may be used without a request, for the feature `code` if given. */
  fresh(userId: string, code?: string): Known | undefined;
  /** Returns the last answer of a user, however old. */
  last(userId: string): Known | undefined;
  /** Loads the answer of a user. Concurrent calls for one user share a load. */
  load(userId: string): Promise<Known>;
  /** Loads an answer with at least this revision. */
  loadAtLeast(userId: string, revision: number): Promise<Known>;
  noteChange(change: Change): void;
  /** Outdates every answer, because changes may have been missed. */
  noteGap: () => void;
  /** Resumes loading ahead, because the service is reachable again. */
  noteRecovery: () => void;
}

interface Loading {
  /** The answer must contain this: the last change that was reported, or what an earlier answer contained. */
  mark: Mark | undefined;
}

/** Maximum number of immediate repeats of a load whose answer lacks a reported change. */
const maxRepeats = 2;

/** Maximum age of an answer that denies a feature it lacks, milliseconds. The feature may be new. */
const unknownFeatureMs = 5_000;

/** Creates the store of users' answers: what is known, how fresh it is, and what is being loaded. */
export function createAnswers(
  { send, now, availability, isLive }: AnswersDeps,
  { maxUsers, maxStaleMs, maxLastKnownMs, timeoutMs }: AnswersOptions,
): Answers {
  const fetchAnswer = createLoader(send, timeoutMs);
  const users = new KnownUsers(maxUsers);
  const reported = new ReportedChanges(maxUsers);
  const loading = new Map<string, Loading & { task: Promise<Known> }>();
  let gaps = 0;
  let settledFrom = -Infinity;
  /** Users whose answer after the next change is to be loaded. */
  const ahead = new Set<string>();
  let isLoadingAhead = false;

  async function load(userId: string, state: Loading): Promise<Known> {
    const noteError = availability.begin();
    const beganAt = performance.now();
    const gapsBefore = gaps;
    const before = users.peek(userId);
    // A cache of the service may lack what an earlier answer contained.
    if (before?.isOutdated === false) state.mark = laterOf(state.mark, startOf(before));
    try {
      let fetchedAt = now();
      let known = toKnown(await fetchAnswer(userId), fetchedAt);
      for (let repeats = 0; repeats < maxRepeats; repeats += 1) {
        const { mark } = state;
        if (mark === undefined || contains(known, mark)) break;
        fetchedAt = now();
        const leftMs = Math.max(1, Math.ceil(timeoutMs - (performance.now() - beganAt)));
        const answer = await readAtLeast(userId, mark.revision, leftMs);
        if (answer === null) {
          // The service never had that revision: it was restored from a backup.
          state.mark = undefined;
          if (before !== undefined) before.isOutdated = true;
        } else known = toKnown(answer, fetchedAt);
      }
      return keep(known, gaps !== gapsBefore, state.mark);
    } catch (error) {
      noteError(error);
      throw error;
    }
  }

  /** Reads an answer with at least this revision; null if the service does not have that revision. */
  async function readAtLeast(
    userId: string,
    revision: number,
    leftMs: number,
  ): Promise<Answer | null> {
    try {
      return await read(userId, { min_revision: revision }, leftMs);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code !== 'revision_not_reached') throw error;
      reported.delete(userId);
      return null;
    }
  }

  function read(
    userId: string,
    query: { min_revision?: number; at?: string },
    leftMs = timeoutMs,
  ): Promise<Answer> {
    return send('/entitlements', {
      query: { user_id: userId, include: 'reasons', ...query },
      timeoutMs: leftMs,
      isRead: true,
    });
  }

  /** Keeps an answer unless it lacks a reported change or is not the newest. Returns the one to use. */
  function keep(known: Known, hasGap: boolean, mark: Mark | undefined): Known {
    const userId = known.answer.user_id;
    const before = users.peek(userId);
    if (mark !== undefined && !contains(known, mark)) return known;
    if (before?.isOutdated === false && before.answer.revision > known.answer.revision) {
      return before;
    }
    known.isOutdated = hasGap;
    known.isSettled = known.fetchedAt >= settledFrom;
    if (before !== undefined && isSame(before, known)) known.upcoming = before.upcoming;
    users.set(userId, known);
    if (known.upcoming === null && hasChangeAhead(known)) {
      ahead.add(userId);
      void loadAhead();
    }
    return known;
  }

  /**
   * Loads what users may use after their next change, if that change lies within `maxLastKnownMs`. So a user
   * whose window begins during an outage is allowed from that instant on. Loads one user at a time, because
   * requests whose answers are needed now take precedence.
   */
  async function loadAhead(): Promise<void> {
    if (isLoadingAhead) return;
    isLoadingAhead = true;
    for (const userId of ahead) {
      if (!availability.isUp()) break;
      const known = users.peek(userId);
      if (known?.upcoming !== null || !hasChangeAhead(known)) {
        ahead.delete(userId);
        continue;
      }
      const noteError = availability.begin();
      try {
        const at = new Date(known.nextChangeAt).toISOString();
        const answer = await read(userId, { at });
        if (answer.revision === known.answer.revision) known.upcoming = toKnown(answer, now());
        ahead.delete(userId);
      } catch (error) {
        noteError(error);
        if (error instanceof LatchkeyError) ahead.delete(userId);
      }
    }
    isLoadingAhead = false;
  }

  function hasChangeAhead({ fetchedAt, nextChangeAt }: Known): boolean {
    return nextChangeAt < fetchedAt + maxLastKnownMs;
  }

  return {
    fresh(userId, code) {
      const known = users.get(userId);
      if (known === undefined) return undefined;
      const present = now();
      if (!isFresh(known, present, isLive(present), maxStaleMs)) return undefined;
      // The stream does not report features that are added to the catalog: they change no user's answer.
      const isKnown = code === undefined || known.checks.has(code);
      return isKnown || isYoung(known, present, unknownFeatureMs) ? known : undefined;
    },
    last: (userId) => users.get(userId),
    load(userId) {
      const running = loading.get(userId);
      if (running !== undefined) return running.task;
      const state: Loading = { mark: reported.get(userId) };
      const task = load(userId, state).finally(() => {
        loading.delete(userId);
      });
      loading.set(userId, Object.assign(state, { task }));
      return task;
    },
    async loadAtLeast(userId, revision) {
      const noteError = availability.begin();
      const gapsBefore = gaps;
      const fetchedAt = now();
      try {
        const answer = await read(userId, { min_revision: revision });
        return keep(toKnown(answer, fetchedAt), gaps !== gapsBefore, reported.get(userId));
      } catch (error) {
        noteError(error);
        throw error;
      }
    },
    noteChange(change) {
      const { user_id: userId } = change;
      const mark = markOf(change);
      reported.note(userId, mark);
      const running = loading.get(userId);
      if (running !== undefined) running.mark = laterOf(running.mark, mark);
      const known = users.peek(userId);
      if (known !== undefined && !contains(known, mark)) outdate(known, change);
    },
    noteRecovery() {
      void loadAhead();
    },
    noteGap() {
      gaps += 1;
      // A cache of the service may still lack a change that the stream did not report because of the gap.
      settledFrom = now() + maxStaleMs;
      reported.clear();
      users.outdateAll();
    },
  };
}

/** Returns the mark that every answer of this revision or a later one contains. */
function startOf({ answer }: Known): Mark {
  return { revision: answer.revision, at: -Infinity };
}

/** Returns whether two answers have the same revision and next change, so that `upcoming` stays valid. */
function isSame(one: Known, other: Known): boolean {
  return one.answer.revision === other.answer.revision && one.nextChangeAt === other.nextChangeAt;
}
