import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pace } from '../../../src/platform/pace.ts';
import {
  createFairSemaphore,
  WaitRejected,
  type FairLimits,
} from '../../../src/platform/fair-semaphore.ts';

/** Work that ends on command. */
function openTurns(rule: Partial<FairLimits> = {}, admits: Pace['admits'] = () => true) {
  const take = createFairSemaphore(
    {
      ...{ capacity: 4, capacityPerTenant: 2, maxWaitingPerTenant: 10, maxWaitMs: 1_000, ...rule },
    },
    { admits },
  );
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  return {
    begun,
    run: (name: string, cost = 1): Promise<string> =>
      take(name.charAt(0), cost, () => {
        begun.push(name);
        const end = Promise.withResolvers<string>();
        ends.set(name, end);
        return end.promise;
      }),
    end: (name: string) => ends.get(name)?.resolve(name),
    fail: (name: string) => ends.get(name)?.reject(new Error(name)),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a tenant runs no more at once than its share, and another tenant runs beside it', async () => {
  const { run, end, begun } = openTurns();
  const all = ['a1', 'a2', 'a3', 'b1'].map((name) => run(name));
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  end('a2');
  await all[1];
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  for (const name of ['a1', 'a3', 'b1']) end(name);
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'b1']);
});

it('tenants take turns where all of them together are too much', async () => {
  const { run, end, begun } = openTurns({ capacity: 1 });
  const all = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => run(name));
  for (const name of ['a1', 'a2', 'b1', 'c1', 'a3']) {
    expect(begun.at(-1)).toBe(name);
    end(name);
    await turn();
    await turn();
  }
  await Promise.all(all);
});

it('work takes as much of the share as it costs', async () => {
  const { run, end, begun } = openTurns({ capacityPerTenant: 3 });
  const all = [run('a1', 2), run('a2', 2), run('a3', 1)];
  // Light work does not overtake heavy work, which would never begin.
  expect(begun).toEqual(['a1']);
  end('a1');
  await all[0];
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'a3']);
  end('a2');
  end('a3');
  await Promise.all(all);
});

it('heavy work begins although light work of other tenants keeps coming', async () => {
  const { run, end, begun } = openTurns({ capacityPerTenant: 3 });
  const all = ['b1', 'b2', 'c1', 'c2'].map((name) => run(name));
  all.push(run('a1', 3));
  for (const [ended, next] of [
    ['b1', 'b3'],
    ['c1', 'c3'],
    ['b2', 'b4'],
  ] as const) {
    end(ended);
    await turn();
    all.push(run(next));
  }
  await turn();
  expect(begun).toEqual(['b1', 'b2', 'c1', 'c2', 'a1']);
  for (const name of ['c2', 'a1']) end(name);
  await turn();
  await turn();
  expect(begun.slice(5).toSorted()).toEqual(['b3', 'b4', 'c3']);
  for (const name of ['b3', 'b4', 'c3']) end(name);
  await Promise.all(all);
});

it('what comes to an idle tenant does not overtake what waits', async () => {
  const { run, end, begun } = openTurns({ capacity: 1 });
  const all = ['a1', 'b1'].map((name) => run(name));
  end('a1');
  await all[0];
  all.push(run('c1'));
  await turn();
  expect(begun).toEqual(['a1', 'b1']);
  end('b1');
  await turn();
  await turn();
  end('c1');
  await Promise.all(all);
});

it('what fails frees its share', async () => {
  const { run, fail, end, begun } = openTurns({ capacityPerTenant: 1 });
  const all = [run('a1'), run('a2')];
  fail('a1');
  await expect(all[0]).rejects.toThrow('a1');
  await turn();
  expect(begun).toEqual(['a1', 'a2']);
  end('a2');
  await all[1];
});

it('a full tenant refuses, what waits too long fails, and neither takes a share', async () => {
  const { run, end, begun } = openTurns({ capacityPerTenant: 1, maxWaitingPerTenant: 1 });
  const first = run('a1');
  const late = expect(run('a2')).rejects.toThrow(WaitRejected);
  await expect(run('a3')).rejects.toThrow(WaitRejected);
  vi.advanceTimersByTime(1_000);
  await late;
  end('a1');
  await first;
  await turn();
  const next = run('a4');
  expect(begun).toEqual(['a1', 'a4']);
  end('a4');
  await next;
});

describe('the pace', () => {
  it('holds up a tenant that has room, and no other tenant', async () => {
    let isHeld = true;
    const { run, end, begun } = openTurns({}, (tenant) => !isHeld || tenant !== 'a');
    const all = ['a1', 'a2', 'b1'].map((name) => run(name));
    await vi.advanceTimersByTimeAsync(20);
    expect(begun).toEqual(['b1']);
    isHeld = false;
    await vi.advanceTimersByTimeAsync(20);
    expect(begun).toEqual(['b1', 'a1', 'a2']);
    for (const name of ['a1', 'a2', 'b1']) end(name);
    await Promise.all(all);
  });

  it('is asked for work that the rule lets begin, and charged once for it', async () => {
    const charged: [string, number][] = [];
    const { run, end } = openTurns({ capacityPerTenant: 3 }, (tenant, cost) => {
      charged.push([tenant, cost]);
      return true;
    });
    const all = [run('a1', 3), run('a2', 2)];
    expect(charged).toEqual([['a', 3]]);
    end('a1');
    await all[0];
    await turn();
    expect(charged).toEqual([
      ['a', 3],
      ['a', 2],
    ]);
    end('a2');
    await Promise.all(all);
  });

  it('holds work up for as long as a turn may take: then it gets none', async () => {
    const { run } = openTurns({ maxWaitMs: 100 }, () => false);
    const held = expect(run('a1')).rejects.toThrow(WaitRejected);
    await vi.advanceTimersByTimeAsync(101);
    await held;
  });
});
