import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LoopDelay {
  /** Returns the recent average delay of the event loop, milliseconds. */
  ms(): number;
  /** Discards the delay measured during startup, which blocks the event loop. */
  restart(): void;
  stop(): void;
}

const resolutionMs = 10;
const sampleMs = 250;
const nanosecondsPerMs = 1_000_000;

/**
 * Returns the smoothed delay after another sample. A rise takes effect immediately. A fall is limited to half
 * per sample, so that a quiet moment after shedding does not readmit all work at once. Pure.
 */
export function smoothedDelay(before: number, sampled: number): number {
  return Math.max(sampled, before / 2);
}

/** The ticks in a sample: how many there were, and the sum of the intervals between them in nanoseconds. */
export interface Ticks {
  count: number;
  apart: number;
}

const none: Ticks = { count: 0, apart: 0 };

/**
 * Returns the average delay of the ticks in a sample and the previous one, milliseconds, so that a single
 * pause, such as a garbage collection, does not count as overload. Pure.
 */
export function sampledDelay(before: Ticks, sample: Ticks): number {
  const count = before.count + sample.count;
  if (count === 0) return 0;
  return Math.max(0, (before.apart + sample.apart) / count / nanosecondsPerMs - resolutionMs);
}

/** Measures the delay of the event loop until stopped, without keeping the process alive. */
export function measureLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // The histogram is never reset. A reset would drop the last tick, and so miss an overloaded loop that ticks
  // at most once per sample.
  let total = none;
  let before = none;
  let delayMs = 0;
  const timer = setInterval(() => {
    const { count } = histogram;
    const now = count === 0 ? none : { count, apart: histogram.mean * count };
    const sample = { count: now.count - total.count, apart: now.apart - total.apart };
    delayMs = smoothedDelay(delayMs, sampledDelay(before, sample));
    total = now;
    before = sample;
  }, sampleMs);
  timer.unref();
  return {
    ms: () => delayMs,
    restart() {
      histogram.reset();
      total = none;
      before = none;
      delayMs = 0;
    },
    stop() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
