import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LatchkeyUnavailable } from '../../../src/client/index.ts';
import {
  close,
  connect,
  counted,
  denied,
  failed,
  give,
  open,
  result,
  sent,
  soon,
} from './given-network.ts';

beforeEach(open);
afterEach(close);

describe('consume', () => {
  it.each([
    ['a broken connection', 'broken'],
    ['a 500', failed(500, 'internal')],
    ['a 503', failed(503, 'overloaded')],
    ['a request that hangs', 'hangs'],
  ] as const)('repeats the request after %s, with the same key', async (_name, fate) => {
    give(fate, counted);
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
    give(counted, counted, counted);
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
    give({ body });
    expect(await connect().consume('u_1', 'credits')).toMatchObject({ balance: Infinity });
  });

  it('throws what the service refuses, after one request', async () => {
    give(failed(422, 'feature_not_metered'));
    await expect(connect().consume('u_1', 'export')).rejects.toMatchObject({
      ...{ name: 'LatchkeyError', status: 422, code: 'feature_not_metered' },
    });
    expect(sent).toHaveLength(1);
  });

  it.each([undefined, 'last_known', 'deny'] as const)(
    'denies during an outage with the fail mode %s, within its time limit, and reports the outage',
    async (onUnavailable) => {
      const latchkey = connect(onUnavailable === undefined ? {} : { onUnavailable });
      const degraded = vi.fn();
      latchkey.on('degraded', degraded);
      const use = latchkey.consume('u_1', 'credits', 3);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await use).toEqual(denied);
      expect(degraded.mock.calls).toEqual([[{ reason: expect.any(LatchkeyUnavailable) as Error }]]);
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
    give(...Array.from({ length: 20 }, () => failed(503, 'not_ready')));
    const use = latchkey.consume('u_1', 'credits', 1, { idempotencyKey: 'job_1' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    expect(degraded).not.toHaveBeenCalled();
  });

  it('does not repeat a request within the rate limit’s pause', async () => {
    give(failed(429, 'rate_limited'));
    const use = connect().consume('u_1', 'credits');
    await vi.advanceTimersByTimeAsync(0);
    expect(await use).toEqual(denied);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sent).toHaveLength(1);
  });
});

describe('a denied use that may have been counted', () => {
  it('is taken back when the service responds again', async () => {
    give(...Array.from({ length: 20 }, () => failed(503, 'not_ready')));
    const use = connect().consume('u_1', 'credits', 3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    const [first] = sent;
    sent.length = 0;
    give(failed(503, 'not_ready'), counted, { body: { entry_id: 'ue_2' } });
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

  it('is taken back, too, if the service limited the rate of a later request', async () => {
    give('broken', failed(429, 'rate_limited'));
    const use = connect().consume('u_1', 'credits', 3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    give(counted, { body: { entry_id: 'ue_2' } });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.map(({ path }) => path)).toEqual([
      ...Array.from({ length: 3 }, () => '/usage/consume'),
      '/usage/entries/ue_1/reverse',
    ]);
  });

  it('stays as it is with a key of the app, which repeats the request itself', async () => {
    const use = connect().consume('u_1', 'credits', 3, { idempotencyKey: 'job_1' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await use).toEqual(denied);
    give(...Array.from({ length: 200 }, () => ({ body: {} })));
    sent.length = 0;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sent.filter(({ path }) => path.startsWith('/usage'))).toEqual([]);
  });
});
