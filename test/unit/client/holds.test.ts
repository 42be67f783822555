import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LatchkeyError, LatchkeyUnavailable } from '../../../src/client/index.ts';
import {
  close,
  connect,
  counted,
  failed,
  type Fate,
  give,
  open,
  result,
  sent,
  soon,
} from './given-network.ts';

beforeEach(open);
afterEach(close);

describe('consumeBatch', () => {
  const use = (nth: number) => ({
    ...{ userId: `u_${nth}`, feature: 'credits', idempotencyKey: `job_${nth}` },
  });
  const answer = (count: number) => ({
    body: { data: Array.from({ length: count }, () => counted.body) },
  });

  it('sends a hundred at a time, and returns what each did, in order', async () => {
    const refusal = { code: 'feature_not_metered', detail: 'Not metered.' };
    give(answer(100), { body: { data: [{ ...refusal }, ...answer(1).body.data] } });
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
    give({ body: { data: [...answer(1).body.data, failure] } }, answer(2));
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
    give(held, 'broken', settled, settled, settled);
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
    give({ status: 201, body: { allowed: false, reason: 'limit_reached', ...nothing } });
    const hold = await connect().hold('u_1', 'credits', 20, options);
    expect(hold).toMatchObject({ allowed: false, reason: 'limit_reached', held: 0, balance: 2 });
    await expect(hold.settle(17)).rejects.toThrow('The hold was denied: limit_reached.');
    expect(await hold.release()).toEqual({ consumed: 0, balance: 2, entryId: null });
    expect(sent).toHaveLength(1);
  });

  it.each([undefined, 'last_known', 'deny'] as const)(
    'is denied during an outage with the fail mode %s, and the outage is reported',
    async (onUnavailable) => {
      const latchkey = connect(onUnavailable === undefined ? {} : { onUnavailable });
      const degraded = vi.fn();
      latchkey.on('degraded', degraded);
      const hold = latchkey.hold('u_1', 'credits', 20, options);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await hold).toMatchObject({
        ...{ allowed: false, reason: 'unavailable', source: 'fallback', balance: null },
        ...{ held: 0, holdId: null, expiresAt: null },
      });
      await expect((await hold).settle()).rejects.toThrow('The hold was denied: unavailable.');
      expect(degraded.mock.calls).toEqual([[{ reason: expect.any(LatchkeyUnavailable) as Error }]]);
    },
  );

  it('is settled though the client was closed between two tries', async () => {
    const latchkey = connect();
    give(held, 'broken', settled);
    const hold = await latchkey.hold('u_1', 'credits', 20, options);
    const settling = hold.settle(17);
    await vi.advanceTimersByTimeAsync(0);
    await latchkey.close();
    expect(await soon(settling)).toEqual({ consumed: 17, balance: 8, entryId: 'ue_3' });
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

  it('that cannot be settled is reported beside the error, which a middleware has no caller for', async () => {
    const latchkey = connect();
    const unsettled = vi.fn();
    latchkey.on('unsettled', unsettled);
    give(held, failed(409, 'hold_expired'), failed(404, 'entry_not_found'));
    const hold = await latchkey.hold('u_1', 'credits', 20, options);
    await expect(hold.settle(17)).rejects.toThrow(LatchkeyError);
    await expect(latchkey.reverse('ue_1', 'a test')).rejects.toThrow(LatchkeyError);
    expect(unsettled.mock.calls).toEqual([
      [{ holdId: 'uh_1', amount: 17, error: expect.any(LatchkeyError) as Error }],
      [{ entryId: 'ue_1', error: expect.any(LatchkeyError) as Error }],
    ]);
  });
});
