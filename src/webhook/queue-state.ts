import type { Database } from '../platform/database.ts';

/** The state of the queue. */
export interface QueueState {
  wanted: number;
  failed: number;
  /**
   * When the oldest object that is not failed was enqueued, epoch milliseconds; null if none is waiting.
   */
  oldestWantedAt: number | null;
}

export async function loadQueueState(database: Database): Promise<QueueState> {
  const { rows } = await database.pool.query<{
    wanted: string;
    failed: string;
    oldest: Date | null;
  }>(
    `select count(*) filter (where failed_at is null) as wanted,
       count(failed_at) as failed,
       min(wanted_at) filter (where failed_at is null) as oldest
     from followed_objects where wanted > fetched`,
  );
  const [row] = rows;
  return {
    wanted: Number(row?.wanted ?? 0),
    failed: Number(row?.failed ?? 0),
    oldestWantedAt: row?.oldest?.getTime() ?? null,
  };
}
