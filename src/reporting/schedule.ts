import cron from 'node-cron';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { repeat } from '../platform/repeat.ts';
import { writeDailyReports } from './daily.ts';
import { loadStandings } from './report.ts';

/** Every hour, so that a day that nobody could write at midnight is written soon; ten past, when late news is in. */
const dailyCron = '10 * * * *';

const measureEveryMs = 60_000;

export interface ReportingDeps {
  database: Database;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/** Keeps the gauges of `/metrics` and writes the daily reports until stopped. */
export function startReporting(deps: ReportingDeps): { stop(): Promise<void> } {
  const { logger } = deps;
  const measure = (): Promise<void> =>
    measureStandings(deps).catch((error: unknown) => {
      logger.debug({ err: error }, 'the subscriptions could not be measured');
    });
  const first = measure();
  const measuring = repeat(measureEveryMs, measure, () => undefined);
  let stopped = false;
  let writing: Promise<void> = Promise.resolve();
  const daily = cron.schedule(dailyCron, () => {
    writing = writeDailyReports(deps, () => stopped).then(
      (rows) => {
        if (rows > 0) logger.info({ rows }, 'daily reports written');
      },
      (error: unknown) => {
        logger.warn(
          { err: error },
          'daily reports could not be written; the next hour tries again',
        );
      },
    );
  });
  return {
    async stop() {
      stopped = true;
      await daily.destroy();
      await Promise.all([first, measuring.stop(), writing]);
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
