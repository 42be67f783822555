import { describe, expect, it } from 'vitest';
import { createTokenBuckets } from '../../../src/http/token-buckets.ts';

const start = Date.parse('2026-11-01T00:00:00.000Z');

function taken(buckets: ReturnType<typeof createTokenBuckets>, id: string, now: number): number {
  let count = 0;
  while (buckets.take(id, now) === 0) count += 1;
  return count;
}

describe('a bucket of tokens', () => {
  it('gives its capacity at once, then what flows back, and never holds more than its capacity', () => {
    const buckets = createTokenBuckets({ perSecond: 2, capacity: 5, maxEntries: 10 });
    expect(taken(buckets, 'a', start)).toBe(5);
    expect(taken(buckets, 'a', start + 999)).toBe(1);
    expect(taken(buckets, 'a', start + 2_000)).toBe(3);
    expect(taken(buckets, 'a', start + 3_600_000)).toBe(5);
  });

  it('says after how many milliseconds there is one, and there is one then and not before', () => {
    const buckets = createTokenBuckets({ perSecond: 0.5, capacity: 1, maxEntries: 10 });
    expect(buckets.take('a', start)).toBe(0);
    expect(buckets.take('a', start)).toBe(2_000);
    expect(buckets.take('a', start + 1_999)).toBe(1);
    expect(buckets.take('a', start + 2_000)).toBe(0);
  });

  it('is the own one of each id', () => {
    const buckets = createTokenBuckets({ perSecond: 1, capacity: 3, maxEntries: 10 });
    expect(taken(buckets, 'a', start)).toBe(3);
    expect(taken(buckets, 'b', start)).toBe(3);
  });

  it('takes a token back, and not above its capacity', () => {
    const buckets = createTokenBuckets({ perSecond: 1, capacity: 2, maxEntries: 10 });
    buckets.take('a', start);
    buckets.giveBack('a');
    buckets.giveBack('a');
    buckets.giveBack('unknown');
    expect(taken(buckets, 'a', start)).toBe(2);
  });

  it('neither gives nor takes where the clock is set back', () => {
    const buckets = createTokenBuckets({ perSecond: 1, capacity: 2, maxEntries: 10 });
    expect(taken(buckets, 'a', start)).toBe(2);
    expect(taken(buckets, 'a', start - 3_600_000)).toBe(0);
    expect(taken(buckets, 'a', start - 3_600_000 + 1_000)).toBe(1);
  });

  it('is forgotten where more ids than are remembered took since, and only then', () => {
    const buckets = createTokenBuckets({ perSecond: 1, capacity: 1, maxEntries: 3 });
    for (const id of ['a', 'b', 'c']) buckets.take(id, start);
    expect(buckets.take('a', start)).toBeGreaterThan(0); // `a` is not the oldest now
    buckets.take('d', start); // instead of `b`
    expect(buckets.take('a', start)).toBeGreaterThan(0);
    expect(buckets.take('c', start)).toBeGreaterThan(0);
    expect(buckets.take('b', start)).toBe(0);
  });
});
