import { purgeIdempotency } from '../http/idempotency.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';

export interface HousekeepingDeps {
  database: Database;
  clock: Clock;
  logger: Logger;
  eventRetentionDays: number;
}

const batch = 1_000;
const dayMs = 86_400_000;

/** Deletes what is kept no longer, in batches that hold no lock for long. Safe on many instances at once. */
export async function keepHouse(deps: HousekeepingDeps): Promise<{
  idempotencyRecords: number;
  payloads: number;
}> {
  const now = deps.clock();
  const before = new Date(now - deps.eventRetentionDays * dayMs);
  const done = {
    idempotencyRecords: await inBatches(() => purgeIdempotency(deps.database, now)),
    payloads: await inBatches(() => purgePayloads(deps.database, before)),
  };
  deps.logger.info(done, 'housekeeping done');
  return done;
}

/** The event stays, so that a repetition is still known; only what it said goes. */
async function purgePayloads(database: Database, before: Date): Promise<number> {
  const { rowCount } = await database.pool.query(
    `update webhook_events set payload = null where number in (
       select number from webhook_events where received_at < $1 and payload is not null
       order by received_at limit $2 for update skip locked)`,
    [before, batch],
  );
  return rowCount ?? 0;
}

async function inBatches(purge: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const count = await purge();
    total += count;
    if (count < batch) return total;
  }
}
