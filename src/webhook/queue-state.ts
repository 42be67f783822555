import type { Database } from '../platform/database.ts';

/** The state of the sync queue. `wanted` counts the objects that wait, `failed` those that failed. */
export interface QueueState {
  wanted: number;
  failed: number;
  /** When the oldest of the `wanted` objects was enqueued, epoch milliseconds; null if `wanted` is 0. */
  oldestWantedAt: number | null;
}

interface StateRow {
  wanted: string;
  failed: string;
  oldest: Date | null;
}

/** Loads the state of the sync queue. */
export async function loadQueueState(database: Database): Promise<QueueState> {
  const { rows } = await database.pool.query<StateRow>(
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
