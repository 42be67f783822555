import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createLatchkey,
  type Latchkey,
  type LatchkeyOptions,
  LatchkeyUnavailable,
  type Use,
} from '../../src/client/index.ts';
import { type CutProxy, startCutProxy } from '../helpers/cut-proxy.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* The client counts usage against the service, over a network that the test breaks. */

let service: TestService;
let app: MeteredApp;
let proxy: CutProxy;
let key: string;
const clients: Latchkey[] = [];
let nth = 0;
let user = '';

beforeAll(async () => {
  service = await startTestService();
  ({ key } = await service.createProject('notes'));
  app = await meteredApp(service, key);
  await app.send('PUT', '/admin/features/export', { name: 'Export', type: 'boolean' });
  proxy = await startCutProxy(await service.listen());
});
afterAll(async () => {
  await proxy.close();
  await service.close();
});
beforeEach(() => {
  proxy.restore();
  nth += 1;
  user = `u_${nth}`;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function connect(options: Partial<LatchkeyOptions> = {}): Latchkey {
  const client = createLatchkey({
    ...{ url: proxy.url, key, stream: false, now: () => service.clock.now() },
    // Requests of a busy machine are slow; the outages of these tests are not.
    timeoutMs: 5_000,
    ...options,
  });
  clients.push(client);
  return client;
}

/** A `fetch` that loses responses: the service performs the request, and the client does not hear of it. */
function losing(isLost: (key: string) => boolean): typeof fetch {
  return async (...request) => {
    const response = await fetch(...request);
    if (!isLost(new Headers(request[1]?.headers).get('idempotency-key') ?? '')) return response;
    await response.body?.cancel();
    throw new TypeError('fetch failed');
  };
}

describe('the client', () => {
  it('consumes, checks an amount, holds, reverses, and reads what is left', async () => {
    await app.grant(user, { amount: 10 });
    const latchkey = connect();
    const consumption = await latchkey.consume(user, 'credits', 4);
    expect(consumption).toMatchObject({
      ...{ allowed: true, reason: 'granted', consumed: 4, balance: 6, source: 'server' },
    });
    expect(await latchkey.check(user, 'credits', { amount: 6 })).toMatchObject({
      ...{ allowed: true, balance: 6, source: 'server' },
    });
    expect(await latchkey.check(user, 'credits', { amount: 7 })).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', balance: 6 },
    });
    const hold = await latchkey.hold(user, 'credits', 5, { expiresInSeconds: 60 });
    expect(hold).toMatchObject({ allowed: true, held: 5, balance: 1 });
    expect(await latchkey.consume(user, 'credits', 2)).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', consumed: 0, balance: 1, entryId: null },
    });
    expect(await hold.settle(2)).toMatchObject({ consumed: 2, balance: 4 });
    const other = await latchkey.hold(user, 'credits', 4, { expiresInSeconds: 60 });
    expect(await other.release()).toMatchObject({ consumed: 0, balance: 4 });
    expect(await latchkey.reverse(consumption.entryId ?? '', 'a test')).toMatchObject({
      ...{ returned: 4, balance: 8 },
    });
    expect(await latchkey.usage(user)).toMatchObject([
      { feature_code: 'credits', granted: 10, used: 2, held: 0, balance: 8 },
    ]);
    await expect(latchkey.consume(user, 'export')).rejects.toMatchObject({
      ...{ status: 422, code: 'feature_not_metered' },
    });
  });

  it('knows at once that the units are used up, though it keeps entitlements', async () => {
    await app.grant(user, { amount: 1 });
    const latchkey = connect();
    expect(await latchkey.allows(user, 'credits')).toBe(true);
    expect(await latchkey.check(user, 'credits')).toMatchObject({ allowed: true, balance: 1 });
    // Another process of the app consumes.
    await app.consume(user, 1);
    expect(await latchkey.allows(user, 'credits')).toBe(false);
    expect(await latchkey.check(user, 'credits')).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', balance: 0 },
    });
    await app.grant(user, 'unlimited');
    const fresh = connect();
    expect(await fresh.check(user, 'credits')).toMatchObject({ allowed: true, balance: Infinity });
  });

  it('counts each call once, however many responses are lost', async () => {
    await app.grant(user, { amount: 100 });
    const tries = new Map<string, number>();
    const latchkey = connect({
      fetch: losing((sent) => {
        tries.set(sent, (tries.get(sent) ?? 0) + 1);
        return tries.get(sent) !== 3;
      }),
    });
    const calls = Array.from({ length: 30 }, () => latchkey.consume(user, 'credits'));
    const allowed = (await Promise.all(calls)).filter((one) => one.allowed);
    expect(allowed).toHaveLength(30);
    expect([...tries.values()]).toEqual(Array(30).fill(3));
    expect(new Set(allowed.map(({ entryId }) => entryId)).size).toBe(30);
    expect(await app.usage(user)).toMatchObject({ used: 30, balance: 70 });
  });

  it('counts each call once over connections that break', async () => {
    await app.grant(user, { amount: 100 });
    const latchkey = connect({ slowTimeoutMs: 20_000, timeoutMs: 20_000 });
    const calls = Array.from({ length: 20 }, async (_, call) => {
      if (call % 5 === 0) proxy.reset();
      return latchkey.consume(user, 'credits');
    });
    expect((await Promise.all(calls)).every(({ allowed }) => allowed)).toBe(true);
    expect(await app.usage(user)).toMatchObject({ used: 20, balance: 80 });
  });
});

describe('an outage', () => {
  it('denies by default, and takes back what was counted without a response', async () => {
    await app.grant(user, { amount: 10 });
    let isLosing = true;
    const latchkey = connect({ timeoutMs: 1_000, fetch: losing(() => isLosing) });
    expect(await latchkey.consume(user, 'credits', 4)).toEqual({
      ...{ allowed: false, reason: 'unavailable', consumed: 0, balance: null, entryId: null },
      source: 'fallback',
    });
    expect(await app.usage(user)).toMatchObject({ used: 4 });
    isLosing = false;
    await vi.waitFor(async () => {
      expect(await app.usage(user)).toMatchObject({ used: 0, balance: 10 });
    }, 20_000);
    const { body } = await app.send('GET', `/usage/entries?user_id=${user}`);
    expect(body).toMatchObject({ data: [{ kind: 'reverse' }, { kind: 'consume', amount: 4 }] });
  });

  it('lets pass what the app chose, and counts it later: once, even if it was counted', async () => {
    await app.grant(user, { amount: 10 });
    let isLosing = true;
    const latchkey = connect({
      ...{ timeoutMs: 1_000, onUnavailable: { features: { credits: 'allow' } } },
      fetch: losing(() => isLosing),
    });
    const later: Use[] = [];
    latchkey.on('uncounted', ({ error: _error, ...use }) => later.push(use));
    // The first is counted without a response; the others are not sent.
    for (let call = 0; call < 3; call += 1) {
      expect(await latchkey.consume(user, 'credits', 2)).toMatchObject({
        ...{ allowed: true, consumed: 0, source: 'fallback' },
      });
    }
    expect(later).toHaveLength(3);
    expect(await app.usage(user)).toMatchObject({ used: 2 });
    const batch = connect({ ...{ slowTimeoutMs: 1_000 }, fetch: losing(() => isLosing) });
    await expect(batch.consumeBatch(later)).rejects.toThrow(LatchkeyUnavailable);
    isLosing = false;
    expect(await batch.consumeBatch(later)).toMatchObject([
      { allowed: true, balance: 8 },
      { allowed: true, balance: 6 },
      { allowed: true, balance: 4 },
    ]);
    expect(await app.usage(user)).toMatchObject({ used: 6, balance: 4 });
  });

  it('denies checks of a metered feature, whose balance is unknown, and keeps the others', async () => {
    await app.grant(user, { amount: 10 });
    const granted = { user_id: user, feature_code: 'export', reason: 'a test' };
    await app.send('POST', '/admin/grant', granted);
    const latchkey = connect();
    expect(await latchkey.allows(user, 'credits')).toBe(true);
    proxy.cut();
    expect(await latchkey.check(user, 'credits')).toMatchObject({
      ...{ allowed: false, reason: 'unavailable', source: 'fallback' },
    });
    expect(await latchkey.allows(user, 'export')).toBe(true);
    await expect(latchkey.usage(user)).rejects.toThrow(LatchkeyUnavailable);
    const allowing = connect({ onUnavailable: 'allow' });
    expect(await allowing.allows(user, 'credits')).toBe(true);
  });

  it('leaves a hold without a response to expire, and settles one that it knows afterwards', async () => {
    await app.grant(user, { amount: 10 });
    let isLosing = false;
    const latchkey = connect({ timeoutMs: 1_000, fetch: losing(() => isLosing) });
    const options = { expiresInSeconds: 600 };
    const hold = await latchkey.hold(user, 'credits', 3, options);
    isLosing = true;
    const lost = await latchkey.hold(user, 'credits', 5, options);
    expect(lost).toMatchObject({ allowed: false, reason: 'unavailable', held: 0 });
    expect(await app.usage(user)).toMatchObject({ held: 8, balance: 2 });
    isLosing = false;
    expect(await hold.settle(3)).toMatchObject({ consumed: 3 });
    service.clock.set(service.clock.now() + 600_000);
    expect(await app.usage(user)).toMatchObject({ used: 3, held: 0, balance: 7 });
    const late = connect();
    const expired = await late.hold(user, 'credits', 3, { expiresInSeconds: 60 });
    service.clock.set(service.clock.now() + 60_000);
    await expect(expired.settle(3)).rejects.toMatchObject({ status: 409, code: 'hold_expired' });
  });
});
