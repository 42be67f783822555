import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { createStripeThrottle } from '../../src/platform/stripe-throttle.ts';

const endpoint = 'GET /v1/subscriptions/:id';

/** A budget that admits one request per command. */
function openTurns() {
  const asking: PromiseWithResolvers<number>[] = [];
  const passed: string[] = [];
  const awaitTurn = createStripeThrottle({
    take: () => {
      const asked = Promise.withResolvers<number>();
      asking.push(asked);
      return asked.promise;
    },
    maxWaitMs: 5_000,
  });
  return {
    passed,
    asking,
    ask: async (name: string, at = endpoint): Promise<void> => {
      await awaitTurn(at, name.charAt(0));
      passed.push(name);
    },
    allow: async (): Promise<void> => {
      asking.shift()?.resolve(0);
      await turn();
    },
  };
}

it('each request that the budget allows goes to the next project', async () => {
  const { ask, allow, passed } = openTurns();
  const all = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1', 'c1'].map((name) => ask(name));
  for (let count = 0; count < 4; count += 1) await allow();
  expect(passed).toEqual(['a1', 'b1', 'c1', 'a2']);
  for (let count = 0; count < 4; count += 1) await allow();
  await Promise.all(all);
});

it('endpoints do not wait for each other', async () => {
  const { ask, asking, passed } = openTurns();
  const first = ask('a1');
  const other = ask('a2', 'GET /v1/customers/:id');
  asking[1]?.resolve(0);
  await other;
  expect(passed).toEqual(['a2']);
  asking[0]?.resolve(0);
  await first;
});

it('a budget that cannot be asked fails one request, and the next asks again', async () => {
  const { ask, asking, allow, passed } = openTurns();
  const first = ask('a1');
  asking.shift()?.reject(new Error('no database'));
  await expect(first).rejects.toThrow('no database');
  const second = ask('a2');
  await allow();
  await second;
  expect(passed).toEqual(['a2']);
});

it('what waits too long fails, and what comes later is let', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { ask, allow, passed } = openTurns();
    const late = expect(ask('a1')).rejects.toThrow('STRIPE_MAX_RPS did not admit the request');
    vi.advanceTimersByTime(4_999);
    const next = ask('b1');
    vi.advanceTimersByTime(1);
    await late;
    await allow();
    await next;
    expect(passed).toEqual(['b1']);
  } finally {
    vi.useRealTimers();
  }
});
