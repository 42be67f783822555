import type { Deps } from '../deps.ts';
import { purgeIdempotency } from '../http/idempotency-records.ts';
import type { Database } from '../platform/database.ts';
import { purgeChanges } from './purge-changes.ts';
import { meterEventRetentionDays, purgeMeterEvents } from './purge-meter-events.ts';
import { purgeDeliveries, purgeEndpoints, purgeNotices } from './purge-webhooks.ts';

export interface HousekeepingDeps extends Pick<Deps, 'database' | 'clock' | 'logger'> {
  eventRetentionDays: number;
  changeRetentionDays: number;
}

const batch = 1_000;
const dayMs = 86_400_000;

/** Retention of reconciliations and settled findings: a year plus a margin. */
const reconciliationRetentionDays = 400;

/** Minimum retention of webhook deliveries, longer than the schedule of retries. */
const minDeliveryRetentionDays = 5;

/**
 * Deletes expired data in small batches, so that locks are short. Several instances may run it concurrently.
 *
 * @param isStopped checked between batches. The next run deletes the rest.
 */
export async function keepHouse(deps: HousekeepingDeps, isStopped: () => boolean = () => false) {
  const { database } = deps;
  const now = deps.clock();
  const before = new Date(now - deps.eventRetentionDays * dayMs);
  const changedBefore = new Date(now - deps.changeRetentionDays * dayMs);
  const deliveredBefore = new Date(
    now - Math.max(deps.changeRetentionDays, minDeliveryRetentionDays) * dayMs,
  );
  const endedBefore = new Date(now - reconciliationRetentionDays * dayMs);
  const usedBefore = new Date(now - meterEventRetentionDays * dayMs);

  async function inBatches(purge: () => Promise<number>): Promise<number> {
    let total = 0;
    while (!isStopped()) {
      const count = await purge();
      total += count;
      if (count < batch) break;
    }
    return total;
  }

  const deleted = {
    idempotencyRecords: await inBatches(() => purgeIdempotency(database, now)),
    payloads: await inBatches(() => purgePayloads(database, before)),
    findings: await inBatches(() => purgeFindings(database, endedBefore)),
    runs: await inBatches(() => purgeRuns(database, endedBefore)),
    changes: await inBatches(() => purgeChanges(deps, changedBefore, batch)),
    deliveries: await inBatches(() => purgeDeliveries(database, deliveredBefore, batch)),
    endpoints: await inBatches(() => purgeEndpoints(database, batch)),
    meterEvents: await inBatches(() => purgeMeterEvents(database, usedBefore, batch)),
    notices: await inBatches(() => purgeNotices(database, new Date(now), batch)),
  };
  deps.logger.info(deleted, 'housekeeping completed');
  return deleted;
}

/** Deletes the payloads of old events. The rows stay, so that duplicates are still recognized. */
async function purgePayloads(database: Database, before: Date): Promise<number> {
  const { rowCount } = await database.pool.query(
    `update webhook_events set payload = null where number in (
       select number from webhook_events where received_at < $1 and payload is not null
       order by received_at limit $2 for update skip locked)`,
    [before, batch],
  );
  return rowCount ?? 0;
}

/** Deletes old findings. Undecided findings stay, unless a later run found them again. */
async function purgeFindings(database: Database, endedBefore: Date): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from reconciliation_findings where id in (
       select f.id from reconciliation_findings f join reconciliation_runs r on r.id = f.run_id
       where r.finished_at < $1 and (f.action not in ('open', 'held') or exists (
         select from reconciliation_findings again
         where again.object_type = f.object_type and again.object_id = f.object_id
           and again.id > f.id))
       limit $2 for update of f skip locked)`,
    [endedBefore, batch],
  );
  return rowCount ?? 0;
}

/**
 * Deletes old runs. The last successful one stays, because it has the compared account and the start of the
 * next run.
 */
async function purgeRuns(database: Database, endedBefore: Date): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from reconciliation_runs where id in (
       select id from reconciliation_runs r
       where finished_at < $1
         and not exists (select from reconciliation_findings where run_id = r.id)
         and exists (
           select from reconciliation_runs later
           where later.status = 'done' and later.started_at > r.started_at
             and later.project_id is null and later.user_id is null and not later.dry_run
             and (later.account_id is not null or r.account_id is null))
       limit $2 for update skip locked)`,
    [endedBefore, batch],
  );
  return rowCount ?? 0;
}
