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

/** What was measured over a while: how many ticks, and how far apart they were altogether, nanoseconds. */
export interface Ticks {
  count: number;
  apart: number;
}

const none: Ticks = { count: 0, apart: 0 };

/**
 * By how much ticks came late on average, milliseconds, over a sample and the one before it: so that a
 * single pause, as for collecting garbage, is no overload. Pure.
 */
export function sampledDelay(before: Ticks, sample: Ticks): number {
  const count = before.count + sample.count;
  if (count === 0) return 0;
  return Math.max(0, (before.apart + sample.apart) / count / nanosecondsPerMs - resolutionMs);
}

/** Measures until stopped; keeps no process alive. */
export function measureLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // Never reset in between: it would forget its last tick, and see nothing of a loop that ticks no more
  // than once per sample, which is when it matters most.
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
