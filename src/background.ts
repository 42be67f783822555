import { sweepBoundaries } from './changes/boundaries.ts';
import type { Feed } from './changes/feed.ts';
import { measureFeed } from './changes/measure.ts';
import type { Deps } from './deps.ts';
import type { EntitlementCache } from './entitlements/read/cache.ts';
import { startSweeps } from './entitlements/refresh/sweeps.ts';
import { linkPending } from './linking/link-pending.ts';
import { measureInbox, startWorker } from './mirror/worker.ts';
import { createClockWatch } from './ops/clock-watch.ts';
import { keepHouse } from './ops/housekeeping.ts';
import { startDispatcher } from './outbound/dispatcher.ts';
import { sweepExpiring } from './outbound/expiring.ts';
import { measureWebhooks } from './outbound/measure.ts';
import type { Sender } from './outbound/send.ts';
import { scheduleCron } from './platform/cron.ts';
import { repeat } from './platform/repeat.ts';
import { startReconciliation } from './reconciliation/schedule.ts';
import { startReporting } from './reporting/schedule.ts';
import { measureMeterEvents } from './usage/meters/measure.ts';
import { startMeterSender } from './usage/meters/sender.ts';
import { keepUsage } from './usage/retention.ts';

export interface Background {
  /** Makes the worker claim enqueued objects without delay. */
  wake(): void;
  /** Makes the dispatcher look for webhooks without delay. */
  dispatch(): void;
  healthy(): boolean;
  /** Starts no more work, and resolves when the running work has ended. */
  stop(): Promise<void>;
}

/** Hourly, in a minute without other jobs. */
const housekeepingCron = '43 * * * *';

/** Hourly, after usage was summed by day. */
const usageCron = '47 * * * *';

const measureEveryMs = 5_000;

/**
 * Interval between comparisons with Postgres' clock, milliseconds. If a clock is set, instances may disagree
 * for this long.
 */
const compareClocksEveryMs = 5_000;

const linkEveryMs = 1_000;

/** Interval between sweeps for boundaries, milliseconds. A change appears within a second of its instant. */
const boundariesEveryMs = 200;

/** Interval at which an instance that is not woken up polls for changes, milliseconds. */
const pollChangesEveryMs = 1_000;

/** Interval between sweeps that write expiry notices, milliseconds. */
const expiringEveryMs = 5_000;

/** Starts everything that runs alongside requests: the sync worker, the sweeps and the schedules. */
export function startBackground(
  deps: Deps & { cache: EntitlementCache; feed: Feed; sender: Sender },
): Background {
  const { logger } = deps;
  const warn = (message: string) => (error: unknown) => {
    logger.warn({ err: error }, message);
  };
  const worker = startWorker(deps);
  const sweeps = startSweeps(deps);
  const measuring = repeat(
    measureEveryMs,
    () =>
      Promise.all([
        measureInbox(deps),
        measureFeed(deps),
        measureWebhooks(deps),
        measureMeterEvents(deps),
      ]),
    warn('could not measure the queues; their gauges keep their last values'),
  );
  const watchingClock = repeat(
    compareClocksEveryMs,
    createClockWatch(deps),
    warn('could not read Postgres’ clock; this process extrapolates it'),
  );
  const boundaries = repeat(
    boundariesEveryMs,
    async () => {
      if ((await sweepBoundaries(deps)) > 0) deps.feed.wake();
    },
    warn('could not store boundaries; the next sweep will retry'),
  );
  const publishing = repeat(
    pollChangesEveryMs,
    () => deps.feed.look(),
    () => undefined,
  );
  const dispatcher = startDispatcher(deps);
  const expiring = repeat(
    expiringEveryMs,
    async () => {
      if ((await sweepExpiring(deps)) > 0) dispatcher.wake();
    },
    warn('could not write expiry notices; the next sweep will retry'),
  );
  const reportingUsage = startMeterSender(deps);
  let stopped = false;
  const linking = repeat(
    linkEveryMs,
    () => linkPending({ ...deps, stripe: deps.stripeInBackground }, () => stopped),
    warn('could not link customers; retrying in a second'),
  );
  const reconciliation = startReconciliation(deps, deps.config.reconcileCron);
  const reporting = startReporting(deps);
  const housekeeping = scheduleCron(
    housekeepingCron,
    () => keepHouse({ ...deps, ...deps.config }, () => stopped),
    { logger, onError: warn('housekeeping failed; retrying within the hour') },
  );
  const keepingUsage = scheduleCron(
    usageCron,
    () => keepUsage({ ...deps, ...deps.config }, () => stopped),
    { logger, onError: warn('could not delete old usage; retrying within the hour') },
  );
  return {
    wake: () => {
      worker.wake();
    },
    dispatch: () => {
      dispatcher.wake();
    },
    healthy: () => worker.healthy(),
    async stop() {
      stopped = true;
      await Promise.all([
        worker.stop(),
        sweeps.stop(),
        boundaries.stop().then(() => deps.feed.stop()),
        // Ends only once the feed is stopped, if changes keep arriving: `look` waits for all of them.
        publishing.stop(),
        dispatcher.stop(),
        expiring.stop(),
        reportingUsage.stop(),
        linking.stop(),
        measuring.stop(),
        watchingClock.stop(),
        reconciliation.stop(),
        reporting.stop(),
        housekeeping.stop(),
        keepingUsage.stop(),
      ]);
    },
  };
}
