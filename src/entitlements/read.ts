import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Metrics } from '../platform/metrics.ts';
import { answerAt, type EntitlementsAnswer, type EntitlementsBody } from './answer.ts';
import type { EntitlementCache } from './cache.ts';
import { type CachedAnswer, finishAnswer } from './cached-answer.ts';
import type { Timeline } from './facts.ts';
import { segmentOf, type SegmentRow } from './segment.ts';
import type { UserName } from './users.ts';

export interface ReadDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
  metrics: Metrics;
}

export interface StoredTimeline {
  revision: number;
  /** When it last changed, epoch milliseconds; null where nothing was ever recorded. */
  recordedAt: number | null;
  segments: Timeline;
}

interface UserColumns {
  revision: string;
  recorded_at: Date | null;
}

/** A user without segments is one row without them. */
type Row = UserColumns & (SegmentRow | { feature_code: null });

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

/** A user's live timeline, one query; an unknown user has revision 0 and an empty one. */
export async function loadTimeline(database: Database, user: UserName): Promise<StoredTimeline> {
  const { rows } = await database.pool.query<Row>({
    name: 'load-timeline',
    text: `
      select u.revision, u.recorded_at, s.feature_code, s.feature_type, s.reason, s.value, s.sources,
        s.valid_from, s.valid_to
      from users u
      left join entitlement_segments s on s.uid = u.uid and s.superseded_at is null
      where u.project_id = $1 and u.user_id = $2`,
    values: [user.projectId, user.userId],
  });
  return {
    revision: Number(rows[0]?.revision ?? 0),
    recordedAt: rows[0]?.recorded_at?.getTime() ?? null,
    segments: rows.flatMap((row) => (row.feature_code === null ? [] : [segmentOf(row)])),
  };
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
  if (options.strong)
    return count(deps, { from: 'bypass', answer: await readStored(deps, user, now) });
  const cached = await deps.cache.read(user, now);
  if (cached.state === 'hit' && cached.answer.revision >= options.minRevision) {
    return count(deps, { from: 'hit', answer: cached.answer });
  }
  const answer = await readStored(deps, user, now);
  if (cached.state === 'leased') {
    await deps.cache.fill(user, cached.lease, answer, { askedAt: now, now: deps.clock() });
  }
  return count(deps, { from: cached.state === 'unavailable' ? 'bypass' : 'miss', answer });
}

/** The body of `GET /entitlements` straight from Postgres, for answers that follow a change. */
export async function readFresh(
  deps: Pick<ReadDeps, 'clock' | 'database'>,
  projectId: string,
  userId: string,
): Promise<EntitlementsBody> {
  const stored = await loadTimeline(deps.database, { projectId, userId });
  return answerOf({ projectId, userId }, stored, deps.clock()).body;
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
  const stored = await loadTimeline(deps.database, user);
  return finishAnswer(answerOf(user, stored, now), stored.recordedAt);
}

function count(deps: ReadDeps, read: Read): Read {
  deps.metrics.cacheReads.inc({ result: read.from });
  return read;
}
