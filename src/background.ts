import type { Deps } from './deps.ts';
import type { EntitlementCache } from './entitlements/read/cache.ts';
import { startSweeps } from './entitlements/refresh/sweeps.ts';
import { linkPending } from './linking/link-pending.ts';
import { measureInbox, startWorker } from './mirror/worker.ts';
import { createClockWatch } from './ops/clock-watch.ts';
import { keepHouse } from './ops/housekeeping.ts';
import { scheduleCron } from './platform/cron.ts';
import { repeat } from './platform/repeat.ts';
import { startReconciliation } from './reconciliation/schedule.ts';
import { startReporting } from './reporting/schedule.ts';

export interface Background {
  /** An object is wanted: the worker looks now. */
  wake(): void;
  healthy(): boolean;
  /** Takes nothing new, and ends when what runs is done. */
  stop(): Promise<void>;
}

/** Hourly, at a minute when little else is scheduled. */
const housekeepingCron = '43 * * * *';

const measureEveryMs = 5_000;

/** How long after a step of Postgres' clock instances may differ, milliseconds. */
const watchClockEveryMs = 5_000;

const linkEveryMs = 1_000;

/** What runs beside the requests: the sync worker, the sweeps, the schedules. */
export function startBackground(deps: Deps & { cache: EntitlementCache }): Background {
  const { logger } = deps;
  const worker = startWorker(deps);
  const sweeps = startSweeps(deps);
  const measuring = repeat(
    measureEveryMs,
    () => measureInbox(deps),
    (error) => {
      logger.warn({ err: error }, 'the inbox could not be measured: its gauges stand still');
    },
  );
  const watchingClock = repeat(watchClockEveryMs, createClockWatch(deps), (error) => {
    logger.warn({ err: error }, 'Postgres’ clock could not be read; this process’ clock runs on');
  });
  let stopped = false;
  const linking = repeat(
    linkEveryMs,
    () => linkPending({ ...deps, stripe: deps.stripeInBackground }, () => stopped),
    (error) => {
      logger.warn({ err: error }, 'customers could not be linked; it goes on in a second');
    },
  );
  const reconciliation = startReconciliation(deps, deps.config.reconcileCron);
  const reporting = startReporting(deps);
  const housekeeping = scheduleCron(
    housekeepingCron,
    () => keepHouse({ ...deps, eventRetentionDays: deps.config.eventRetentionDays }, () => stopped),
    {
      logger,
      onError: (error) => {
        logger.warn({ err: error }, 'housekeeping failed; it runs again within the hour');
      },
    },
  );
  return {
    wake: () => {
      worker.wake();
    },
    healthy: () => worker.healthy(),
    async stop() {
      stopped = true;
      await Promise.all([
        worker.stop(),
        sweeps.stop(),
        linking.stop(),
        measuring.stop(),
        watchingClock.stop(),
        reconciliation.stop(),
        reporting.stop(),
        housekeeping.stop(),
      ]);
    },
  };
}
