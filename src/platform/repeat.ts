import { createLogThrottle } from './log-throttle.ts';

/**
 * Minimum interval between reports of consecutive failures, milliseconds. During an outage, every run fails.
 */
const reportEveryMs = 60_000;

/**
 * Runs `work` repeatedly, with `everyMs` between two runs, until stopped. A failure does not end the loop.
 * The first of several consecutive failures is reported, then one per minute. `wake` starts the next run now
 * or, if one is running, right after it.
 *
 * @param everyMs milliseconds, or a function that returns them for the duration of the last run, milliseconds.
 */
export function repeat(
  everyMs: number | ((tookMs: number) => number),
  work: () => Promise<unknown>,
  onError: (error: unknown) => void,
): { wake(): void; stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let isRunning = false;
  let isWoken = false;
  let failures = createLogThrottle(reportEveryMs);

  function failed(error: unknown): void {
    if (failures.next(performance.now()) !== null) onError(error);
  }

  function succeeded(): void {
    failures = createLogThrottle(reportEveryMs);
  }

  function schedule(afterMs: number): void {
    timer = setTimeout(() => {
      const begunAt = performance.now();
      isRunning = true;
      isWoken = false;
      running = Promise.resolve()
        .then(work)
        .then(succeeded, failed)
        .finally(() => {
          isRunning = false;
          if (!stopped) schedule(isWoken ? 0 : pauseAfter(performance.now() - begunAt));
        });
    }, afterMs);
  }

  function pauseAfter(tookMs: number): number {
    return typeof everyMs === 'number' ? everyMs : everyMs(tookMs);
  }

  schedule(pauseAfter(0));
  return {
    wake() {
      isWoken = true;
      if (isRunning || stopped) return;
      clearTimeout(timer);
      schedule(0);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
