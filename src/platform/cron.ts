import cron from 'node-cron';
import type { Logger } from './logger.ts';

/**
 * How late a run may begin, milliseconds. A process that was held up at the very second, or a machine that
 * slept, is not to cost an hour; by itself node-cron lets a run go that is two seconds late.
 */
const lateByMs = 600_000;

/**
 * Runs `work` at the instants of a cron expression, in UTC, until stopped; never twice at a time. A failure
 * is reported, and the next run comes.
 *
 * @param work gets the instant at which it was due.
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
      missedExecutionTolerance: lateByMs,
      // By itself it writes to the console, in colours, amid the lines of JSON.
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
