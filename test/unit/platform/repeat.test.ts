import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { repeat } from '../../../src/platform/repeat.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('what is done again and again', () => {
  it('continues after a failure; of consecutive ones the first is reported, then one a minute', async () => {
    let isDown = true;
    let runs = 0;
    const reported: unknown[] = [];
    const repeated = repeat(
      1_000,
      () => {
        runs += 1;
        return isDown ? Promise.reject(new Error(`run ${runs}`)) : Promise.resolve();
      },
      (error) => reported.push(error),
    );
    await vi.advanceTimersByTimeAsync(65_000);
    expect(runs).toBe(65);
    expect(reported).toEqual([new Error('run 1'), new Error('run 61')]);
    isDown = false;
    await vi.advanceTimersByTimeAsync(1_000);
    isDown = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reported.at(-1)).toEqual(new Error('run 67'));
    await repeated.stop();
  });

  it('pauses according to the duration of the last run', async () => {
    let runs = 0;
    const repeated = repeat(
      (tookMs) => Math.max(1_000, tookMs * 9),
      () => {
        runs += 1;
        return new Promise((resolve) => setTimeout(resolve, runs === 1 ? 10 : 2_000));
      },
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(1_000 + 10 + 1_000 + 2_000);
    expect(runs).toBe(2);
    await vi.advanceTimersByTimeAsync(17_999);
    expect(runs).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toBe(3);
    await Promise.all([repeated.stop(), vi.advanceTimersByTimeAsync(2_000)]);
  });
});
