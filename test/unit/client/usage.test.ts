import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createLatchkey,
  type Latchkey,
  LatchkeyError,
  type LatchkeyOptions,
  LatchkeyUnavailable,
} from '../../../src/client/index.ts';

/* Counting over a network whose answers the test gives, one after another. */

interface Sent {
  path: string;
  key: string | null;
  body: unknown;
}

/** What happens to a request: a JSON answer, a broken connection, or no answer at all. */
type Fate = { status?: number; body: object } | 'broken' | 'hangs';

let sent: Sent[] = [];
let fates: Fate[] = [];
const clients: Latchkey[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  fates = [];
});
afterEach(async () => {
  vi.useRealTimers();
  for (const client of clients.splice(0)) await client.close();
});

const network: typeof fetch = (url, { body, headers, signal } = {}) => {
  sent.push({
    path: new URL(url as string).pathname.replace('/api/v1', ''),
    key: new Headers(headers).get('idempotency-key'),
    body: typeof body === 'string' ? (JSON.parse(body) as unknown) : null,
  });
  const fate = fates.shift() ?? 'broken';
  if (fate === 'broken') return Promise.reject(new TypeError('fetch failed'));
  if (fate === 'hangs') {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  }
  return Promise.resolve(Response.json(fate.body, { status: fate.status ?? 200 }));
};

function connect(options: Partial<LatchkeyOptions> = {}): Latchkey {
  const client = createLatchkey({
    ...{ url: 'http://latchkey.test', key: 'key', stream: false, fetch: network },
    ...options,
  });
  clients.push(client);
  return client;
}

/** Waits for a result while the time passes. */
async function soon<Result>(result: Promise<Result>): Promise<Result> {
  const settled = Promise.allSettled([result]);
  await vi.advanceTimersByTimeAsync(40_000);
  await settled;
  return result;
}

const counted: Fate = {
  body: { allowed: true, reason: 'granted', consumed: 3, balance: 7, entry_id: 'ue_1' },
};
const failed = (status: number, code: string): Fate => ({ status, body: { code, detail: code } });
const result = { allowed: true, reason: 'granted', consumed: 3, balance: 7, entryId: 'ue_1' };
const denied = {
  ...{ allowed: false, reason: 'unavailable', consumed: 0, balance: null, entryId: null },
  source: 'fallback',
};

describe('consume', () => {
  it.each([
    ['a broken connection', 'broken'],
    ['a 500', failed(500, 'internal')],
    ['a 503', failed(503, 'overloaded')],
    ['a request that hangs', 'hangs'],
  ] as const)('repeats the request after %s, with the same key', async (_name, fate) => {
    fates = [fate, counted];
    expect(await soon(connect().consume('u_1', 'credits', 3))).toEqual({
      ...{ ...result, source: 'server' },
    });
    expect(sent).toHaveLength(2);
    expect(sent[0]).toEqual(sent[1]);
    expect(sent[0]).toMatchObject({
      path: '/usage/consume',
      key: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      body: { user_id: 'u_1', feature_code: 'credits', amount: 3 },
    });
  });

  it('makes a new key for each call, and uses the key of the app', async () => {
    fates = [counted, counted, counted];
    const latchkey = connect();
    await latchkey.consume('u_1', 'credits');
    await latchkey.consume('u_1', 'credits', 1, { partial: true, metadata: { page: 2 } });
    await latchkey.consume('u_1', 'credits', 1, { idempotencyKey: 'job_1' });
    const [first, second, third] = sent.map(({ key }) => key);
    expect(first).not.toBe(second);
    expect(third).toBe('job_1');
    expect(sent[1]?.body).toMatchObject({ partial: true, metadata: { page: 2 } });
  });

  it('shows an unlimited balance as Infinity', async () => {
    const body = {
      ...{ allowed: true, reason: 'granted', consumed: 1 },
      balance: null,
      entry_id: 'ue_2',
    };
    fates = [{ body }];
    expect(await connect().consume('u_1', 'credits')).toMatchObject({ balance: Infinity });
  });

  it('throws what the service refuses, after one request', async () => {
    fates = [failed(422, 'feature_not_metered')];
    await expect(connect().consume('u_1', 'export')).rejects.toMatchObject({
      ...{ name: 'LatchkeyError', status: 422, code: 'feature_not_metered' },
    });
    expect(sent).toHaveLength(1);
  });

  it.each([undefined, 'last_known', 'deny'] as const)(
    'denies during an outage with the fail mode %s, within its time limit',
    async (onUnavailable) => {
      const latchkey = connect(onUnavailable === undefined ? {} : { onUnavailable });
      const use = latchkey.consume('u_1', 'credits', 3);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await use).toEqual(denied);
    },
  );

  it('reports a use that the fail mode allows, so that the app can count it later', async () => {
    const latchkey = connect({ onUnavailable: { features: { credits: 'allow' } } });
    const uncounted = vi.fn();
    latchkey.on('uncounted', uncounted);
    const use = latchkey.consume('u_1', 'credits', 3, { metadata: { page: 2 } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual({ ...denied, allowed: true });
    const tries = sent.length;
    // The client knows of the outage: it denies or allows without a request.
    expect(await latchkey.consume('u_1', 'credits')).toMatchObject({ allowed: true, consumed: 0 });
    expect(await latchkey.consume('u_1', 'other')).toEqual(denied);
    expect(sent).toHaveLength(tries);
    expect(uncounted).toHaveBeenCalledTimes(2);
    expect(uncounted).toHaveBeenNthCalledWith(1, {
      ...{ userId: 'u_1', feature: 'credits', amount: 3, metadata: { page: 2 } },
      idempotencyKey: sent[0]?.key,
      error: expect.any(LatchkeyUnavailable) as Error,
    });
  });

  it('does not count as an outage of checks if the service responds with an error', async () => {
    const degraded = vi.fn();
    const latchkey = connect();
    latchkey.on('degraded', degraded);
    fates = Array.from({ length: 20 }, () => failed(503, 'not_ready'));
    const use = latchkey.consume('u_1', 'credits', 1, { idempotencyKey: 'job_1' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    expect(degraded).not.toHaveBeenCalled();
  });

  it('does not repeat a request within the rate limit’s pause', async () => {
    fates = [failed(429, 'rate_limited')];
    const use = connect().consume('u_1', 'credits');
    await vi.advanceTimersByTimeAsync(0);
    expect(await use).toEqual(denied);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sent).toHaveLength(1);
  });
});

describe('a denied use that may have been counted', () => {
  it('is taken back when the service responds again', async () => {
    fates = [...Array.from({ length: 20 }, () => failed(503, 'not_ready'))];
    const use = connect().consume('u_1', 'credits', 3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    const [first] = sent;
    sent = [];
    fates = [failed(503, 'not_ready'), counted, { body: { entry_id: 'ue_2' } }];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual([
      first,
      first,
      {
        path: '/usage/entries/ue_1/reverse',
        key: `${first?.key}.undo`,
        body: { reason: expect.any(String) as string },
      },
    ]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(sent).toHaveLength(3);
  });

  it('stays as it is with a key of the app, which repeats the request itself', async () => {
    const use = connect().consume('u_1', 'credits', 3, { idempotencyKey: 'job_1' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    fates = Array.from({ length: 200 }, () => ({ body: {} }));
    sent = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sent.filter(({ path }) => path.startsWith('/usage'))).toEqual([]);
  });
});

describe('consumeBatch', () => {
  const use = (nth: number) => ({
    ...{ userId: `u_${nth}`, feature: 'credits', idempotencyKey: `job_${nth}` },
  });
  const answer = (count: number) => ({
    body: { data: Array.from({ length: count }, () => (counted as { body: object }).body) },
  });

  it('sends a hundred at a time, and returns what each did, in order', async () => {
    const refusal = { code: 'feature_not_metered', detail: 'Not metered.' };
    fates = [answer(100), { body: { data: [{ ...refusal }, ...answer(1).body.data] } }];
    const results = await connect().consumeBatch(Array.from({ length: 102 }, (_, nth) => use(nth)));
    expect(results).toHaveLength(102);
    expect(results[0]).toMatchObject(result);
    expect(results[100]).toBeInstanceOf(LatchkeyError);
    expect(results[100]).toMatchObject({ status: 422, ...{ code: refusal.code } });
    expect(results[101]).toMatchObject(result);
    expect(sent[1]?.body).toMatchObject({
      items: [{ user_id: 'u_100', feature_code: 'credits', idempotency_key: 'job_100' }, {}],
    });
  });

  it('repeats the whole request if the service failed at one item', async () => {
    const failure = { code: 'not_ready', detail: 'The service is not ready.' };
    fates = [{ body: { data: [...answer(1).body.data, failure] } }, answer(2)];
    const results = await soon(connect().consumeBatch([use(1), use(2)]));
    expect(results).toMatchObject([result, result]);
    expect(sent[0]).toEqual(sent[1]);
  });

  it('throws during an outage, whatever the fail mode: the app has the keys', async () => {
    const batch = connect({ onUnavailable: 'allow' }).consumeBatch([use(1)]);
    await expect(soon(batch)).rejects.toThrow(LatchkeyUnavailable);
  });
});

describe('hold', () => {
  const options = { expiresInSeconds: 60 };
  const held: Fate = {
    status: 201,
    body: {
      ...{ hold_id: 'uh_1', allowed: true, reason: 'granted', held: 20, balance: 5 },
      expires_at: '2026-11-30T12:00:00.000Z',
    },
  };
  const settled: Fate = {
    body: { hold_id: 'uh_1', consumed: 17, balance: 8, entry_id: 'ue_3' },
  };

  it('settles what was really used, by default all, and releases', async () => {
    fates = [held, 'broken', settled, settled, settled];
    const hold = await connect().hold('u_1', 'credits', 20, options);
    expect(hold).toMatchObject({ allowed: true, held: 20, balance: 5, holdId: 'uh_1' });
    expect(await soon(hold.settle(17))).toEqual({ consumed: 17, balance: 8, entryId: 'ue_3' });
    await hold.settle();
    await hold.release();
    const settles = sent.filter(({ path }) => path === '/usage/holds/uh_1/settle');
    expect(settles.map(({ body }) => body)).toEqual([17, 17, 20, 0].map((amount) => ({ amount })));
    expect(settles[0]?.key).toBe(settles[1]?.key);
  });

  it('that is denied cannot be settled, and its release does nothing', async () => {
    const nothing = { hold_id: null, held: 0, balance: 2, expires_at: null };
    fates = [{ status: 201, body: { allowed: false, reason: 'limit_reached', ...nothing } }];
    const hold = await connect().hold('u_1', 'credits', 20, options);
    expect(hold).toMatchObject({ allowed: false, reason: 'limit_reached', held: 0, balance: 2 });
    await expect(hold.settle(17)).rejects.toThrow('The hold was denied: limit_reached.');
    expect(await hold.release()).toEqual({ consumed: 0, balance: 2, entryId: null });
    expect(sent).toHaveLength(1);
  });

  it('that the fail mode allows reports what was used as uncounted', async () => {
    const latchkey = connect({ onUnavailable: 'allow' });
    const uncounted = vi.fn();
    latchkey.on('uncounted', uncounted);
    const hold = await soon(latchkey.hold('u_1', 'credits', 20, options));
    expect(hold).toMatchObject({ allowed: true, held: 0, holdId: null, source: 'fallback' });
    await hold.release();
    expect(uncounted).not.toHaveBeenCalled();
    await hold.settle(17);
    await hold.settle(17);
    const [first, second] = uncounted.mock.calls;
    expect(first).toMatchObject([{ userId: 'u_1', feature: 'credits', amount: 17 }]);
    // The key is the same: the app may count both, and the service counts one.
    expect(first).toEqual(second);
  });
});
