import { describe, expect, it } from 'vitest';
import { createSingleFlight } from '../../../src/platform/single-flight.ts';

/** Loads that end on command, with a value that is fixed at their beginning. */
function loadsUnderControl() {
  const shared = createSingleFlight<string>();
  const begun: PromiseWithResolvers<string>[] = [];
  return {
    begun,
    read: (key = 'u_1') =>
      shared(key, () => {
        const load = Promise.withResolvers<string>();
        begun.push(load);
        return load.promise;
      }),
  };
}

describe('shared loads', () => {
  it('whoever comes while a load runs does not get what it brings', async () => {
    const { read, begun } = loadsUnderControl();
    const first = read();
    const second = read();
    begun[0]?.resolve('before the change');
    expect(await first).toBe('before the change');
    begun[1]?.resolve('after the change');
    expect(await second).toBe('after the change');
  });

  it('a crowd costs two loads: the one that runs, and one for all who came since', async () => {
    const { read, begun } = loadsUnderControl();
    const readers = Array.from({ length: 50 }, () => read());
    expect(begun).toHaveLength(1);
    begun[0]?.resolve('first');
    await readers[0];
    begun[1]?.resolve('second');
    expect(new Set(await Promise.all(readers.slice(1)))).toEqual(new Set(['second']));
    expect(begun).toHaveLength(2);
  });

  it('who comes once the second load has begun waits for a third', async () => {
    const { read, begun } = loadsUnderControl();
    const first = read();
    const second = read();
    begun[0]?.resolve('first');
    await first;
    const third = read();
    begun[1]?.resolve('second');
    expect(await second).toBe('second');
    expect(begun).toHaveLength(3);
    begun[2]?.resolve('third');
    expect(await third).toBe('third');
  });

  it('different keys do not wait for each other', async () => {
    const { read, begun } = loadsUnderControl();
    const slow = read('u_1');
    const quick = read('u_2');
    begun[1]?.resolve('quick');
    expect(await quick).toBe('quick');
    begun[0]?.resolve('slow');
    expect(await slow).toBe('slow');
  });

  it('a load that fails, fails for its own readers alone', async () => {
    const { read, begun } = loadsUnderControl();
    const first = read();
    const second = read();
    begun[0]?.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    begun[1]?.resolve('back');
    expect(await second).toBe('back');
  });

  it('nothing is kept: a reader who comes later loads anew', async () => {
    const { read, begun } = loadsUnderControl();
    const first = read();
    begun[0]?.resolve('first');
    await first;
    const later = read();
    begun[1]?.resolve('later');
    expect(await later).toBe('later');
  });
});
