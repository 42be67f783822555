import { describe, expect, it } from 'vitest';
import { parseRetryAfter, waitBeforeRetryMs } from '../../../src/outbound/core/retry-schedule.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('the wait before a retry', () => {
  it('follows the schedule, and ends after ten attempts', () => {
    const waits = Array.from({ length: 12 }, (_, index) => waitBeforeRetryMs(index + 1, null, 0));
    expect(waits).toEqual([
      ...[5_000, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour],
      ...[24 * hour, null, null, null],
    ]);
  });

  it('is up to a tenth shorter, never longer', () => {
    expect(waitBeforeRetryMs(2, null, 1)).toBe(4.5 * minute);
    expect(waitBeforeRetryMs(2, null, 0.5)).toBe(4.75 * minute);
  });

  it('is at least what the receiver asks for, up to an hour', () => {
    expect(waitBeforeRetryMs(1, 20 * minute, 1)).toBe(20 * minute);
    expect(waitBeforeRetryMs(1, hour, 0)).toBe(hour);
    expect(waitBeforeRetryMs(1, 24 * hour, 0)).toBe(hour);
    expect(waitBeforeRetryMs(4, hour, 0)).toBe(2 * hour);
    expect(waitBeforeRetryMs(1, 0, 0)).toBe(5_000);
    expect(waitBeforeRetryMs(10, hour, 0)).toBeNull();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-30T00:00:00.000Z');

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Mon, 30 Nov 2026 00:10:00 GMT', 10 * minute],
    ['Sun, 29 Nov 2026 00:10:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
    ['', null],
    ['9'.repeat(40), null],
    [undefined, null],
  ])('%j asks for %s ms', (header, wait) => {
    expect(parseRetryAfter(header, now)).toBe(wait);
  });
});
