import cron from 'node-cron';
import type { Logger } from './logger.ts';

/**
 * Maximum delay of a run, milliseconds. By default, node-cron skips a run that is two seconds late, so a
 * blocked process or a suspended machine would miss an hourly run.
 */
const maxDelayMs = 600_000;

/**
 * Runs `work` at the instants of a cron expression, in UTC, until stopped. Runs never overlap. A failure is
 * reported and the schedule continues.
 *
 * @param work is called with the instant at which the run was due.
 */
export function scheduleCron(
  expression: string,
  work: (dueAt: Date) => Promise<unknown>,
  { logger, onError }: { logger: Logger; onError: (error: unknown) => void },
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  const task = cron.schedule(
    expression,
    ({ date }) => {
      running = work(date).then(() => undefined, onError);
      return running;
    },
    {
      timezone: 'UTC',
      noOverlap: true,
      missedExecutionTolerance: maxDelayMs,
      // By default, node-cron writes colored text to the console, among the JSON log lines.
      logger: {
        info: (message) => {
          logger.info(message);
        },
        warn: (message) => {
          logger.warn({ expression }, message);
        },
        error: (message, error) => {
          logger.error({ expression, err: error ?? message }, 'a cron schedule failed');
        },
        debug: () => undefined,
      },
    },
  );
  return {
    async stop() {
      await task.destroy();
      await running;
    },
  };
}
