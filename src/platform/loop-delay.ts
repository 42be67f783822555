import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How long what is due in this process waits for its turn. */
export interface LoopDelay {
  /** Lately, on average, milliseconds. */
  ms(): number;
  /** What was late until now counts no more: a start has much to load at once, and nobody waits for it. */
  restart(): void;
  stop(): void;
}

const resolutionMs = 10;
const sampleMs = 250;
const nanosecondsPerMs = 1_000_000;

/**
 * What is held against the bounds after another sample: a rise counts at once, a fall by half a sample,
 * so that the moment of calm after refused work does not let all of it in again. Pure.
 */
export function smoothedDelay(before: number, sampled: number): number {
  return Math.max(sampled, before / 2);
}

/** Measures until stopped; keeps no process alive. */
export function measureLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let delayMs = 0;
  const timer = setInterval(() => {
    // Without a single tick in between the mean is not a number: a sample that tells nothing.
    const meanMs = histogram.count === 0 ? 0 : histogram.mean / nanosecondsPerMs;
    delayMs = smoothedDelay(delayMs, Math.max(0, meanMs - resolutionMs));
    histogram.reset();
  }, sampleMs);
  timer.unref();
  return {
    ms: () => delayMs,
    restart() {
      histogram.reset();
      delayMs = 0;
    },
    stop() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
