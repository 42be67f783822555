import type { Database } from '../platform/database.ts';

/** Retention of events for billing meters, days: longer than Stripe accepts them. */
export const meterEventRetentionDays = 40;

/** Deletes up to `batch` events of minutes before an instant. */
export async function purgeMeterEvents(
  { pool }: Database,
  before: Date,
  batch: number,
): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from meter_events where id in (
       select id from meter_events where at < $1 order by at limit $2 for update skip locked)`,
    [before, batch],
  );
  return rowCount ?? 0;
}
