import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { createBatches, QueueFull } from '../../src/platform/batches.ts';

/** Batches of words, which end on command. */
function openBatches({ maxSize = 10, maxRunning = 1, maxWaitMs = 60_000 } = {}) {
  const begun: { keys: string[]; end: PromiseWithResolvers<string[]> }[] = [];
  const ask = createBatches<string, string>({
    load: (keys) => {
      const end = Promise.withResolvers<string[]>();
      begun.push({ keys, end });
      return end.promise;
    },
    maxSize,
    limit: { maxRunning, maxWaitMs },
  });
  const end = (at: number) => {
    const batch = begun[at];
    batch?.end.resolve(batch.keys.map((key) => key.toUpperCase()));
  };
  return { ask, begun, end, keys: () => begun.map(({ keys }) => keys) };
}

it('what is asked for in one turn goes together, each gets its own, and no load begins before', async () => {
  const { ask, end, keys } = openBatches();
  const answers = ['a', 'b', 'a'].map(ask);
  expect(keys()).toEqual([]);
  await turn();
  expect(keys()).toEqual([['a', 'b', 'a']]);
  end(0);
  expect(await Promise.all(answers)).toEqual(['A', 'B', 'A']);
});

it('what is asked for while a batch runs never joins it', async () => {
  const { ask, end, keys } = openBatches();
  const first = ask('a');
  await turn();
  const later = [ask('b'), ask('c')];
  await turn();
  expect(keys()).toEqual([['a']]);
  end(0);
  await first;
  await turn();
  expect(keys()).toEqual([['a'], ['b', 'c']]);
  end(1);
  expect(await Promise.all(later)).toEqual(['B', 'C']);
});

it('batches respect their maximum size and concurrency', async () => {
  const { ask, end, keys } = openBatches({ maxSize: 2, maxRunning: 2 });
  const answers = ['a', 'b', 'c', 'd', 'e'].map(ask);
  await turn();
  expect(keys()).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  end(1);
  await turn();
  expect(keys()).toHaveLength(3);
  end(0);
  end(2);
  expect(await Promise.all(answers)).toEqual(['A', 'B', 'C', 'D', 'E']);
});

it('a failing batch fails all of its keys and no others', async () => {
  const { ask, begun, end } = openBatches({ maxSize: 2, maxRunning: 2 });
  const answers = ['a', 'b', 'c'].map(ask);
  await turn();
  begun[0]?.end.reject(new Error('no luck'));
  end(1);
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  const next = ask('d');
  await turn();
  end(2);
  expect(await next).toBe('D');
});

it('a result of the wrong length fails all keys', async () => {
  const { ask, begun } = openBatches();
  const answers = ['a', 'b'].map(ask);
  await turn();
  begun[0]?.end.resolve(['A']);
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('if every batch hangs, waiting keys time out, and the tenant is empty again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { ask, end, keys } = openBatches({ maxSize: 2, maxWaitMs: 2_000 });
    const hanging = ask('a');
    await turn();
    const early = Promise.allSettled([ask('b'), ask('c'), ask('d')]);
    vi.advanceTimersByTime(1_000);
    const late = ask('e');
    vi.advanceTimersByTime(1_000);
    const reason = { code: 'ETIMEDOUT', message: 'no load began within 2000 ms' };
    const inVain = { status: 'rejected', reason: expect.objectContaining(reason) as unknown };
    expect(await early).toEqual([inVain, inVain, inVain]);

    end(0);
    await turn();
    expect(keys()).toEqual([['a'], ['e']]);
    // A running batch is not timed here.
    vi.advanceTimersByTime(60_000);
    end(1);
    expect(await Promise.all([hanging, late])).toEqual(['A', 'E']);
  } finally {
    vi.useRealTimers();
  }
});

it('batches are drawn from the tenants in turn, and a full tenant refuses what comes beyond', async () => {
  const begun: string[][] = [];
  let end = (): void => undefined;
  const ask = createBatches<string, string>({
    load: (keys) => {
      begun.push(keys);
      return new Promise((resolve) => {
        end = () => {
          resolve(keys);
        };
      });
    },
    maxSize: 3,
    tenantOf: (key) => key.charAt(0),
    limit: { maxRunning: 1, maxWaitMs: 60_000, maxWaitingPerTenant: 4 },
  });
  const noisy = ['a1', 'a2', 'a3', 'a4'].map(ask);
  await expect(ask('a5')).rejects.toThrow(QueueFull);
  const quiet = [ask('b1'), ask('c1')];
  await turn();
  end();
  await Promise.all(quiet);
  await turn();
  end();
  await Promise.all(noisy);
  expect(begun).toEqual([
    ['a1', 'b1', 'c1'],
    ['a2', 'a3', 'a4'],
  ]);
});

it('without a limit all that is asked for begins, however many batches run', async () => {
  const begun: string[][] = [];
  const ask = createBatches<string, string>({
    load: (keys) => {
      begun.push(keys);
      return new Promise(() => undefined);
    },
    maxSize: 2,
  });
  for (const key of ['a', 'b', 'c', 'd', 'e']) void ask(key);
  await turn();
  expect(begun).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
});

it('a load that throws before it has begun fails as any other, and the next begins', async () => {
  let isBroken = true;
  const ask = createBatches<string, string>({
    load: (keys) => {
      if (isBroken) throw new Error('not even begun');
      return Promise.resolve(keys);
    },
    maxSize: 2,
    limit: { maxRunning: 1, maxWaitMs: 60_000 },
  });
  await expect(ask('a')).rejects.toThrow('not even begun');
  isBroken = false;
  expect(await ask('b')).toBe('b');
});
