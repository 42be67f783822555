import type { Deps } from '../../deps.ts';
import { answerAt, type EntitlementsAnswer, type EntitlementsBody } from '../core/answer.ts';
import { presentOf } from '../core/present.ts';
import type { UserName } from '../users.ts';
import type { EntitlementCache } from './cache.ts';
import { type CachedAnswer, finishAnswer } from './cached-answer.ts';
import { loadTimeline } from './load-timelines.ts';
import type { StoredTimeline } from './stored-timeline.ts';

export interface ReadDeps extends Pick<Deps, 'clock' | 'monotonic' | 'metrics'> {
  cache: EntitlementCache;
}

interface ReadOptions {
  /** Skips cached answers below this revision. */
  minRevision: number;
  /** Reads from Postgres instead of the cache. */
  strong: boolean;
}

export interface Read {
  /** Where the answer came from. `bypass` means that the cache was skipped or did not respond. */
  from: 'hit' | 'miss' | 'bypass';
  answer: CachedAnswer;
}

/**
 * Returns what a user may use now: from the cache if it has a valid answer, otherwise from Postgres. After a
 * miss, a reader acquires the lease before it reads Postgres, so that a concurrent change revokes the lease.
 * The reader fills the cache only if it still holds the lease.
 */
export async function readEntitlements(
  deps: ReadDeps,
  user: UserName,
  options: ReadOptions = { minRevision: 0, strong: false },
): Promise<Read> {
  const now = deps.clock();
  const startedAt = deps.monotonic();
  if (options.strong)
    return count(deps, { from: 'bypass', answer: await readStored(deps, user, now) });
  const cached = await deps.cache.read(user, now);
  if (cached.state === 'hit' && cached.answer.revision >= options.minRevision) {
    return count(deps, { from: 'hit', answer: cached.answer });
  }
  const answer = await readStored(deps, user, now);
  if (cached.state === 'leased') {
    // The fill runs in the background and logs its own failures. Redis executes it before our next command.
    const passedMs = deps.monotonic() - startedAt;
    void deps.cache.fill(user, cached.lease, answer, { requestedAt: now, now: now + passedMs });
  }
  return count(deps, { from: cached.state === 'unavailable' ? 'bypass' : 'miss', answer });
}

/** Loads the body of `GET /entitlements` directly from Postgres, for responses that follow a change. */
export async function readFresh(
  deps: Pick<Deps, 'clock' | 'database'>,
  projectId: string,
  userId: string,
): Promise<EntitlementsBody> {
  const stored = await loadTimeline(deps.database, { projectId, userId });
  return answerOf({ projectId, userId }, stored, presentOf(stored, deps.clock())).body;
}

/** Returns a stored timeline's answer at an instant (epoch milliseconds). */
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
