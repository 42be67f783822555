import { describe, expect, it } from 'vitest';
import { smoothedDelay } from '../../../src/platform/loop-delay.ts';

describe('the delay of the event loop', () => {
  it('counts at once where it rises, and sinks by half a sample', () => {
    const samples = [5, 800, 0, 0, 0];
    const seen: number[] = [];
    for (const sample of samples) seen.push(smoothedDelay(seen.at(-1) ?? 0, sample));
    expect(seen).toEqual([5, 800, 400, 200, 100]);
  });
});
