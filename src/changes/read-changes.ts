import { ProblemError } from '../http/problem.ts';
import { createBatches } from '../platform/batches.ts';
import type { Database } from '../platform/database.ts';
import { decodeFeedCursor } from './core/cursor.ts';
import { type ChangePage, type FeedFilter, loadChanges, loadFeedState } from './load-changes.ts';
import { publishChanges } from './publish.ts';

/** The start of a reader: after a cursor, at the oldest stored change, or now. */
export type FeedStart = bigint | 'start' | 'now';

/**
 * Returns the start of a reader; `expired` if its cursor is of another database.
 *
 * @param given the reader's cursor, `start`, or undefined for now.
 * @throws ProblemError `bad_request` if the text is not a cursor.
 */
export function startOf(given: string | undefined, database: string): FeedStart | 'expired' {
  if (given === undefined) return 'now';
  if (given === 'start') return given;
  const cursor = decodeFeedCursor(given);
  if (cursor === null) {
    throw new ProblemError('bad_request', undefined, [
      {
        path: 'after',
        message:
          'is not a cursor of the feed: send `next_cursor` or a change’s `cursor`, `start`, or leave it out',
      },
    ]);
  }
  return cursor.database === database ? cursor.position : 'expired';
}

export interface Place {
  /** The position after which the reader continues. */
  position: bigint;
  /** Whether changes may be missing before it. */
  isExpired: boolean;
}

/** Reads the feed, including every change that was committed before the call. */
export interface ChangeReader {
  /** Returns the position of a reader. */
  locate(filter: FeedFilter, start: FeedStart | 'expired'): Promise<Place>;
  /** Reads a page of changes after a position. */
  read(filter: FeedFilter, after: bigint, limit: number): Promise<ChangePage>;
}

/** Maximum number of concurrent reads, so that reconnecting readers leave connections to other requests. */
const readsAtOnce = 4;
const maxWaitMs = 5_000;

interface Asked {
  filter: FeedFilter;
  run: () => Promise<unknown>;
}

/** Creates a reader of the feed. Projects take turns. */
export function createChangeReader(database: Database): ChangeReader {
  const inTurn = createBatches({
    load: (asked: Asked[]) => Promise.all(asked.map(({ run }) => run())),
    maxSize: 1,
    laneOf: ({ filter }) => filter.projectId ?? '',
    limit: { maxRunning: readsAtOnce, maxWaitMs },
  });

  async function take<T>(filter: FeedFilter, work: () => Promise<T>): Promise<T> {
    let result: T | undefined;
    await inTurn({
      filter,
      run: async () => {
        result = await work();
      },
    });
    return result as T; // it was just set
  }

  return {
    locate: (filter, start) =>
      take(filter, async () => {
        await publishChanges(database);
        const { last, deleted } = await loadFeedState(database);
        if (start === 'now') return { position: last, isExpired: false };
        if (start === 'start') return { position: deleted, isExpired: false };
        const isKept = start !== 'expired' && start >= deleted && start <= last;
        return { position: isKept ? start : last, isExpired: !isKept };
      }),
    read: (filter, after, limit) =>
      take(filter, async () => {
        await publishChanges(database);
        const { last } = await loadFeedState(database);
        return loadChanges(database, filter, { after, last, limit });
      }),
  };
}
