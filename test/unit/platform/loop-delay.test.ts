import { describe, expect, it, vi } from 'vitest';
import { measureLoopDelay, smoothedDelay } from '../../../src/platform/loop-delay.ts';

describe('the delay of the event loop', () => {
  it('counts at once where it rises, and sinks by half a sample', () => {
    const samples = [5, 800, 0, 0, 0];
    const seen: number[] = [];
    for (const sample of samples) seen.push(smoothedDelay(seen.at(-1) ?? 0, sample));
    expect(seen).toEqual([5, 800, 400, 200, 100]);
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
