import { describe, expect, it } from 'vitest';
import { createLogThrottle } from '../../../src/platform/log-throttle.ts';

describe('a frequent occurrence', () => {
  it('is logged once per interval, with the number of suppressed ones', () => {
    const throttle = createLogThrottle(1_000);
    const told = [0, 1, 999, 1_000, 1_001, 5_000].map((now) => throttle.next(now));
    expect(told).toEqual([0, null, null, 2, null, 1]);
  });

  it('is logged if the clock is set back', () => {
    const throttle = createLogThrottle(1_000);
    expect([throttle.next(10_000), throttle.next(2_000)]).toEqual([0, 0]);
  });
});
