import { describe, expect, it, vi } from 'vitest';
import { measureLoopDelay, sampledDelay, smoothedDelay } from '../../../src/platform/loop-delay.ts';

describe('the delay of the event loop', () => {
  it('counts at once if it rises, and falls by half a sample', () => {
    const samples = [5, 800, 0, 0, 0];
    const seen: number[] = [];
    for (const sample of samples) seen.push(smoothedDelay(seen.at(-1) ?? 0, sample));
    expect(seen).toEqual([5, 800, 400, 200, 100]);
  });

  it('is that of two samples: of a loop that is late, and of one that paused once', () => {
    const ticks = (count: number, apartMs: number) => ({ count, apart: count * apartMs * 1e6 });
    expect(sampledDelay(ticks(25, 10), ticks(25, 10))).toBe(0);
    expect(sampledDelay(ticks(1, 1_210), ticks(1, 1_210))).toBe(1_200);
    expect(sampledDelay(ticks(25, 10), ticks(1, 1_300))).toBeLessThan(50);
    expect(sampledDelay(ticks(0, 0), ticks(0, 0))).toBe(0);
  });

  it('is seen while this process is held up, and forgotten where measuring starts anew', async () => {
    const delay = measureLoopDelay();
    try {
      await vi.waitFor(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
        expect(delay.ms()).toBeGreaterThan(10);
      });
      delay.restart();
      expect(delay.ms()).toBe(0);
    } finally {
      delay.stop();
    }
  });
});

describe('a loop that stays late', () => {
  it.each([300, 600])(
    'by %i ms is seen all the time, and not only now and then',
    async (lateMs) => {
      const delay = measureLoopDelay();
      const seen: number[] = [];
      try {
        for (let turn = 0; turn < 6; turn += 1) {
          const until = performance.now() + lateMs;
          while (performance.now() < until);
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(delay.ms());
        }
      } finally {
        delay.stop();
      }
      expect(Math.min(...seen.slice(3))).toBeGreaterThan(lateMs * 0.8);
    },
  );
});
