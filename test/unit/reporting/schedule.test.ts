import { expect, test } from 'vitest';
import { pauseAfterMs } from '../../../src/reporting/schedule.ts';

test.each([
  { tookMs: 0, pauseMs: 60_000 },
  { tookMs: 1_000, pauseMs: 60_000 },
  { tookMs: 2_000, pauseMs: 98_000 },
])(
  'after a measurement of $tookMs ms, the next one waits $pauseMs ms: a fiftieth of the time at most',
  ({ tookMs, pauseMs }) => {
    expect(pauseAfterMs(tookMs)).toBe(pauseMs);
  },
);
