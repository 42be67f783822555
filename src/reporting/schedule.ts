import type { Clock } from '../platform/clock.ts';
import { scheduleCron } from '../platform/cron.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { repeat } from '../platform/repeat.ts';
import { writeDailyReports } from './daily.ts';
import { loadStandings } from './report.ts';
import { sumUsageDays } from './usage-days.ts';

/**
 * Hourly, so that a missed day is written soon. At ten past the hour, because late events have arrived by
 * then.
 */
const dailyCron = '10 * * * *';

const measureEveryMs = 60_000;

/**
 * The pause after a measurement, as a multiple of how long it took, so that measurements run at most 2 % of
 * the time. Every instance measures all subscriptions, which takes two seconds for 100,000 of them.
 */
const pauseFactor = 49;

export interface ReportingDeps {
  database: Database;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/** Updates the gauges of `/metrics`, sums usage by day and writes the daily reports, until stopped. */
export function startReporting(deps: ReportingDeps): { stop(): Promise<void> } {
  const { logger } = deps;
  const notMeasured = (error: unknown): void => {
    logger.warn(
      { err: error },
      'could not measure subscriptions; the gauges keep their last values',
    );
  };
  const first = measureStandings(deps).catch(notMeasured);
  const measuring = repeat(pauseAfterMs, () => measureStandings(deps), notMeasured);
  let stopped = false;
  const daily = scheduleCron(
    dailyCron,
    async () => {
      await sumUsageDays(deps, () => stopped);
      const rows = await writeDailyReports(deps, () => stopped);
      if (rows > 0) logger.info({ rows }, 'daily reports written');
    },
    {
      logger,
      onError: (error) => {
        logger.warn({ err: error }, 'could not write daily reports; retrying within the hour');
      },
    },
  );
  return {
    async stop() {
      stopped = true;
      await Promise.all([first, measuring.stop(), daily.stop()]);
    },
  };
}

/** Returns the pause after a measurement that took `tookMs`, milliseconds. */
export function pauseAfterMs(tookMs: number): number {
  return Math.max(measureEveryMs, tookMs * pauseFactor);
}

/** Sets the gauges to the current state of every project. Gauges without a value are removed. */
export async function measureStandings(
  deps: Pick<ReportingDeps, 'database' | 'clock' | 'metrics'>,
): Promise<void> {
  const standings = await loadStandings(deps.database, null, deps.clock());
  const { activeSubscriptions, mrrMinorUnits } = deps.metrics;
  activeSubscriptions.reset();
  mrrMinorUnits.reset();
  for (const [project, { active, mrr }] of standings) {
    activeSubscriptions.set({ project }, active);
    for (const [currency, amount] of mrr) mrrMinorUnits.set({ project, currency }, Number(amount));
  }
}
