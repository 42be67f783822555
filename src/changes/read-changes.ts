import { ProblemError } from '../http/problem.ts';
import { createBatches } from '../platform/batches.ts';
import type { Database } from '../platform/database.ts';
import { decodeFeedCursor } from './core/cursor.ts';
import { type ChangePage, type FeedFilter, type FeedStart, loadChanges } from './load-changes.ts';
import { publishChanges } from './publish.ts';

/**
 * Returns the start that a reader's cursor stands for; `expired` if the cursor is of another database.
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

/** Reads a page of the feed, including everything that was committed before the call. */
export type ReadChanges = (
  filter: FeedFilter,
  start: FeedStart | 'expired',
  limit: number,
) => Promise<ChangePage>;

/** Maximum number of concurrent reads, so that reconnecting readers leave connections for other requests. */
const readsAtOnce = 4;

/** Maximum wait for a read to begin, milliseconds. */
const maxWaitMs = 5_000;

interface Asked {
  filter: FeedFilter;
  start: FeedStart | 'expired';
  limit: number;
}

/** Creates a reader of the feed, which serves projects round-robin. */
export function createReadChanges(database: Database): ReadChanges {
  const readPage = createBatches({
    load: async (pages: Asked[]) => {
      await publishChanges(database);
      return Promise.all(
        pages.map(({ filter, start, limit }) => loadChanges(database, filter, start, limit)),
      );
    },
    maxSize: 1,
    tenantOf: ({ filter }) => filter.projectId ?? '',
    limit: { maxRunning: readsAtOnce, maxWaitMs },
  });
  return (filter, start, limit) => readPage({ filter, start, limit });
}
