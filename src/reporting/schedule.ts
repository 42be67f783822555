import type { Clock } from '../platform/clock.ts';
import { scheduleCron } from '../platform/cron.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { repeat } from '../platform/repeat.ts';
import { writeDailyReports } from './daily.ts';
import { loadStandings } from './report.ts';

/** Every hour, so that a day that nobody could write at midnight is written soon; ten past, when late news is in. */
const dailyCron = '10 * * * *';

const measureEveryMs = 60_000;

/**
 * Every instance measures all subscriptions, which takes two seconds for 100,000 of them: so never more than a
 * fiftieth of the time.
 */
const pausePerWork = 49;

export interface ReportingDeps {
  database: Database;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/** Keeps the gauges of `/metrics` and writes the daily reports until stopped. */
export function startReporting(deps: ReportingDeps): { stop(): Promise<void> } {
  const { logger } = deps;
  const notMeasured = (error: unknown): void => {
    logger.warn(
      { err: error },
      'the subscriptions could not be measured: their gauges stand still',
    );
  };
  const first = measureStandings(deps).catch(notMeasured);
  const measuring = repeat(
    (tookMs) => Math.max(measureEveryMs, tookMs * pausePerWork),
    () => measureStandings(deps),
    notMeasured,
  );
  let stopped = false;
  const daily = scheduleCron(
    dailyCron,
    async () => {
      const rows = await writeDailyReports(deps, () => stopped);
      if (rows > 0) logger.info({ rows }, 'daily reports written');
    },
    {
      logger,
      onError: (error) => {
        logger.warn(
          { err: error },
          'daily reports could not be written; the next hour tries again',
        );
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

/** Sets the gauges to what every project stands at now. What is not there any more is not shown any more. */
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
