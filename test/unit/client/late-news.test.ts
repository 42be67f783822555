import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLatchkey, type Latchkey } from '../../../src/client/index.ts';
import { Facts } from './model/facts.ts';
import { Network } from './model/network.ts';

const start = Date.parse('2026-11-01T00:00:00.000Z');
const minute = 60_000;
const clients: Latchkey[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  vi.useRealTimers();
});

/** A client whose stream works; by default for long enough that the client trusts it. */
async function connect(
  now = Date.now,
  facts = new Facts(),
  workedMs = 2 * minute,
): Promise<{
  facts: Facts;
  network: Network;
  latchkey: Latchkey;
  allows: () => Promise<boolean>;
}> {
  const network = new Network(facts);
  const latchkey = createLatchkey({
    ...{ url: 'http://latchkey.test', key: 'key', fetch: network.fetch, now },
  });
  clients.push(latchkey);
  const comments = setInterval(() => {
    network.comment();
  }, 15_000);
  comments.unref();
  await vi.advanceTimersByTimeAsync(workedMs);
  const allows = async (): Promise<boolean> => {
    const answer = latchkey.allows('ann', 'export');
    await vi.advanceTimersByTimeAsync(50);
    return answer;
  };
  return { facts, network, latchkey, allows };
}

describe('a change', () => {
  it('that is reported before a cache of the service has dropped the old answer does not leave that in the client', async () => {
    const { facts, network, allows } = await connect();
    facts.grant('ann', 'export', start, start + 60 * minute);
    await vi.advanceTimersByTimeAsync(1_000);
    network.delays = { there: 5, back: 5, event: 5, cache: 200 };
    facts.revoke('ann', 'export');
    // The report is here; the batch still answers from before it.
    await vi.advanceTimersByTimeAsync(20);
    await allows();
    await vi.advanceTimersByTimeAsync(10 * minute);
    expect(await allows()).toBe(false);
  });

  it('from right before the stream, which is never reported, is seen within a minute', async () => {
    const facts = new Facts();
    facts.grant('ann', 'export', start, start + 60 * minute);
    await vi.advanceTimersByTimeAsync(1_000);
    facts.revoke('ann', 'export');
    const { network, allows } = await connect(Date.now, facts, 50);
    network.delays = { there: 5, back: 5, event: 5, cache: 200 };
    // A cache of the service is late.
    expect(await allows()).toBe(true);
    await vi.advanceTimersByTimeAsync(minute);
    expect(await allows()).toBe(false);
  });

  it('between the request for the answer and its arrival is in the answer that it keeps', async () => {
    const { facts, network, allows, latchkey } = await connect();
    facts.grant('ann', 'export', start, start + 60 * minute);
    await vi.advanceTimersByTimeAsync(1_000);
    network.delays = { there: 5, back: 300, event: 5, cache: 0 };
    const first = latchkey.check('ann', 'export');
    await vi.advanceTimersByTimeAsync(100);
    facts.revoke('ann', 'export');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toMatchObject({ allowed: false, source: 'server' });
    network.delays = { there: 5, back: 5, event: 5, cache: 0 };
    await vi.advanceTimersByTimeAsync(10 * minute);
    expect(await allows()).toBe(false);
  });

  it('by time alone counts even if the clock of the app is behind', async () => {
    const { facts, allows } = await connect(() => Date.now() - 5 * minute);
    const end = Date.now() + minute;
    facts.grant('ann', 'export', start, end);
    setTimeout(() => {
      facts.passBoundaries();
    }, minute);
    expect(await allows()).toBe(true);
    await vi.advanceTimersByTimeAsync(end - Date.now() + 20);
    expect(await allows()).toBe(false);
  });
});

describe('a clock of the app that is ahead', () => {
  it('costs requests before an end, and no access', async () => {
    const { facts, network, allows } = await connect(() => Date.now() + 5 * minute);
    facts.grant('ann', 'export', start, Date.now() + minute);
    expect(await allows()).toBe(true);
    const before = network.requests;
    expect(await allows()).toBe(true);
    expect(network.requests).toBeGreaterThan(before);
  });
});

describe('listeners', () => {
  it('may throw: the stream goes on, and the error is reported as uncaught', async () => {
    const { facts, latchkey, allows } = await connect();
    const uncaught: unknown[] = [];
    const queue = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
      try {
        task();
      } catch (error) {
        uncaught.push(error);
      }
    });
    const heard: string[] = [];
    const fault = new Error('a listener fails');
    latchkey.on('change', () => {
      throw fault;
    });
    const off = latchkey.on('change', ({ user_id: id }) => heard.push(id));
    expect(await allows()).toBe(false);
    facts.grant('ann', 'export', start, start + 60 * minute);
    await vi.advanceTimersByTimeAsync(20);
    expect(await allows()).toBe(true);
    off();
    facts.revoke('ann', 'export');
    await vi.advanceTimersByTimeAsync(20);
    expect(await allows()).toBe(false);
    expect(heard).toEqual(['ann']);
    expect(uncaught).toEqual([fault, fault]);
    queue.mockRestore();
  });
});

describe('a stream that does not work', () => {
  it('and is silent is trusted for 35 s at most', async () => {
    const { facts, network, allows } = await connect();
    facts.grant('ann', 'export', start, start + 60 * minute);
    expect(await allows()).toBe(true);
    await vi.advanceTimersByTimeAsync(5 * minute);
    network.silence();
    facts.revoke('ann', 'export');
    await vi.advanceTimersByTimeAsync(35_000);
    expect(await allows()).toBe(false);
  });

  it('and is down is not trusted', async () => {
    const { facts, network, allows } = await connect();
    facts.grant('ann', 'export', start, start + 60 * minute);
    expect(await allows()).toBe(true);
    await vi.advanceTimersByTimeAsync(5 * minute);
    network.cut();
    await vi.advanceTimersByTimeAsync(1);
    facts.revoke('ann', 'export');
    expect(await allows()).toBe(false);
  });

  it('and has resumed is not trusted before the missed changes are here', async () => {
    const { facts, network, allows, latchkey } = await connect();
    facts.grant('ann', 'export', start, start + 60 * minute);
    expect(await allows()).toBe(true);
    await vi.advanceTimersByTimeAsync(5 * minute);
    network.cut();
    await vi.advanceTimersByTimeAsync(1);
    for (let nth = 0; nth < 3; nth += 1) facts.grant(`other_${nth}`, 'export', start, start + 1);
    facts.revoke('ann', 'export');
    network.delays = { there: 1, back: 1, event: 300, cache: 0 };
    // The revocation is the last of the missed changes; `ready` and the others come before it.
    const answers: boolean[] = [];
    latchkey.on('change', () => {
      void latchkey.allows('ann', 'export').then((allowed) => answers.push(allowed));
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await allows()).toBe(false);
    expect(answers).toEqual([false, false, false, false]);
  });
});

describe('a stream that is refused', () => {
  it('is tried again after a minute, not before', async () => {
    const tries: number[] = [];
    const refuse = () => {
      tries.push(Date.now() - start);
      return Promise.resolve(Response.json({ code: 'scope_missing' }, { status: 403 }));
    };
    clients.push(createLatchkey({ url: 'http://latchkey.test', key: 'key', fetch: refuse }));
    await vi.advanceTimersByTimeAsync(minute - 1);
    expect(tries).toEqual([0]);
    await vi.advanceTimersByTimeAsync(minute);
    expect(tries).toHaveLength(2);
  });
});

describe('an outage', () => {
  it('leaves lost what was reported lost', async () => {
    const { facts, network, allows, latchkey } = await connect();
    facts.grant('ann', 'export', start, start + 600 * minute);
    expect(await allows()).toBe(true);
    network.weather = 'fails';
    facts.revoke('ann', 'export');
    await vi.advanceTimersByTimeAsync(20);
    const check = latchkey.check('ann', 'export');
    await vi.advanceTimersByTimeAsync(20);
    expect(await check).toMatchObject({ allowed: false, reason: 'lost', source: 'last_known' });
  });

  it('right after another one still knows what follows the next change', async () => {
    const { facts, network, allows } = await connect();
    network.weather = 'fails';
    expect(await allows()).toBe(false);
    const recoveredAt = Date.now() + 10_000;
    facts.grant('ann', 'export', recoveredAt + 5 * minute, recoveredAt + 60 * minute);
    network.weather = 'works';
    // The probe loads the answer; what follows it is loaded after the recovery.
    await vi.advanceTimersByTimeAsync(recoveredAt - Date.now());
    network.weather = 'fails';
    network.cut();
    await vi.advanceTimersByTimeAsync(4 * minute);
    expect(await allows()).toBe(false);
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(await allows()).toBe(true);
  });
});
