import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { answerAt, type EntitlementsAnswer, type EntitlementsBody } from '../core/answer.ts';
import { presentOf } from '../core/present.ts';
import type { UserName } from '../users.ts';
import type { EntitlementCache } from './cache.ts';
import { type CachedAnswer, finishAnswer } from './cached-answer.ts';
import { loadTimeline } from './load-timelines.ts';
import type { StoredTimeline } from './stored-timeline.ts';

export interface ReadDeps {
  clock: Clock;
  monotonic: Clock;
  cache: EntitlementCache;
  metrics: Metrics;
}

export interface ReadOptions {
  /** A cached answer that is older than this revision is passed over. */
  minRevision: number;
  /** Straight from Postgres. */
  strong: boolean;
}

export interface Read {
  /** How it was answered: `bypass` where the cache was not asked or could not answer. */
  from: 'hit' | 'miss' | 'bypass';
  answer: CachedAnswer;
}

/**
 * What a user may use now: from the cache where it has an answer that still holds, else from Postgres,
 * filling the cache if this reader has its lease. The lease is taken before Postgres is read, so that a
 * change in between takes it away again.
 */
export async function readEntitlements(
  deps: ReadDeps,
  user: UserName,
  options: ReadOptions = { minRevision: 0, strong: false },
): Promise<Read> {
  const now = deps.clock();
  const askedAt = deps.monotonic();
  if (options.strong)
    return count(deps, { from: 'bypass', answer: await readStored(deps, user, now) });
  const cached = await deps.cache.read(user, now);
  if (cached.state === 'hit' && cached.answer.revision >= options.minRevision) {
    return count(deps, { from: 'hit', answer: cached.answer });
  }
  const answer = await readStored(deps, user, now);
  if (cached.state === 'leased') {
    // Nobody waits for it: it fails without a word, and comes before this process's next question.
    const passedMs = deps.monotonic() - askedAt;
    void deps.cache.fill(user, cached.lease, answer, { askedAt: now, now: now + passedMs });
  }
  return count(deps, { from: cached.state === 'unavailable' ? 'bypass' : 'miss', answer });
}

/** The body of `GET /entitlements` straight from Postgres, for answers that follow a change. */
export async function readFresh(
  deps: { clock: Clock; database: Database },
  projectId: string,
  userId: string,
): Promise<EntitlementsBody> {
  const stored = await loadTimeline(deps.database, { projectId, userId });
  return answerOf({ projectId, userId }, stored, presentOf(stored, deps.clock())).body;
}

/** The answer that a stored timeline gives at an instant (epoch milliseconds). */
export function answerOf(
  user: UserName,
  stored: StoredTimeline,
  instant: number,
  featureCodes?: readonly string[],
): EntitlementsAnswer {
  const { projectId, userId } = user;
  return answerAt(
    { projectId, userId, revision: stored.revision },
    stored.segments,
    instant,
    featureCodes,
  );
}

async function readStored(deps: ReadDeps, user: UserName, now: number): Promise<CachedAnswer> {
  const stored = await deps.cache.load(user);
  return finishAnswer(answerOf(user, stored, presentOf(stored, now)), stored.recordedAt);
}

function count(deps: ReadDeps, read: Read): Read {
  deps.metrics.cacheReads.inc({ result: read.from });
  return read;
}
