import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createLatchkey,
  type Latchkey,
  LatchkeyError,
  type LatchkeyOptions,
  LatchkeyUnavailable,
  verifyDocument,
} from '../../src/client/index.ts';
import { type CutProxy, startCutProxy } from '../helpers/cut-proxy.ts';
import { text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { testSigning } from '../helpers/signing.ts';

/* The client against the service, over a network that the test breaks. */

let shop: Shop;
let proxy: CutProxy;
let serviceUrl: string;
let requests: string[] = [];
const clients: Latchkey[] = [];
let nth = 0;
let user = '';

beforeAll(async () => {
  shop = await startShop({ config: testSigning });
  const address = shop.service.app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the service has no port');
  serviceUrl = `http://127.0.0.1:${address.port}`;
  proxy = await startCutProxy(serviceUrl);
});
afterAll(async () => {
  await proxy.close();
  await shop.close();
});
beforeEach(() => {
  proxy.restore();
  requests = [];
  nth += 1;
  user = `u_${nth}`;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

const now = (): number => shop.service.clock.now();
const iso = (instant: number): string => new Date(instant).toISOString();

function connect(options: Partial<LatchkeyOptions> = {}): Latchkey {
  const client = createLatchkey({
    ...{ url: proxy.url, key: shop.key, now },
    // Requests of a busy machine are slow; the outages of these tests are not.
    timeoutMs: 5_000,
    fetch: (...request) => {
      requests.push(new URL(request[0]).pathname.replace('/api/v1', ''));
      return fetch(...request);
    },
    ...options,
  });
  clients.push(client);
  return client;
}

/** Returns a client whose stream works: it reported a change. */
async function connectLive(options: Partial<LatchkeyOptions> = {}): Promise<Latchkey> {
  const latchkey = connect(options);
  const changes: string[] = [];
  latchkey.on('change', ({ user_id: id }) => changes.push(id));
  await vi.waitFor(async () => {
    await grant('export', { user: 'u_beacon' });
    expect(changes).toContain('u_beacon');
  });
  return latchkey;
}

async function grant(
  feature: string,
  {
    user: userId = user,
    value = true,
    until,
  }: { user?: string; value?: unknown; until?: number } = {},
): Promise<number> {
  const { status, body } = await shop.service.request('POST', '/admin/grant', {
    key: shop.key,
    body: {
      ...{ user_id: userId, feature_code: feature, reason: 'a test' },
      ...(value === true ? {} : { value }),
      ...(until === undefined ? {} : { valid_to: iso(until) }),
    },
  });
  expect(status).toBe(201);
  await shop.service.deps.feed.look();
  return (body as { revision: number }).revision;
}

async function revoke(feature: string): Promise<void> {
  const { status } = await shop.service.request('POST', '/admin/revoke', {
    key: shop.key,
    body: { user_id: user, feature_code: feature, reason: 'a test' },
  });
  expect(status).toBe(200);
  await shop.service.deps.feed.look();
}

describe('reading', () => {
  it('answers checks, limits and whole answers, and says where they come from', async () => {
    await grant('export');
    await grant('notebooks', { value: 7 });
    const latchkey = connect();
    expect(await latchkey.check(user, 'export')).toMatchObject({
      ...{ allowed: true, reason: 'granted', value: true, validTo: null, source: 'server' },
    });
    expect(await latchkey.allows(user, 'export')).toBe(true);
    expect(await latchkey.limit(user, 'notebooks')).toBe(7);
    expect(await latchkey.check(user, 'theme')).toMatchObject({
      ...{ allowed: false, reason: 'no_source', value: null },
    });
    expect((await latchkey.entitlements(user)).entitlements).toHaveLength(2);
    await expect(latchkey.limit(user, 'export')).rejects.toThrow('not a limit');
    expect(await latchkey.limit('u_stranger', 'notebooks')).toBe(0);
  });

  it('says that an unlimited limit is Infinity, and that an unknown feature is not found', async () => {
    await grant('notebooks', { value: 'unlimited' });
    const latchkey = connect();
    expect(await latchkey.limit(user, 'notebooks')).toBe(Infinity);
    expect(await latchkey.check(user, 'exprot')).toMatchObject({
      ...{ allowed: false, reason: 'feature_not_found' },
    });
  });

  it('asks once for many checks of one tick, and not at all from its cache', async () => {
    const latchkey = connect({ stream: false });
    const users = Array.from({ length: 20 }, (_, each) => `${user}_${each}`);
    await Promise.all(
      users.flatMap((id) => [latchkey.allows(id, 'export'), latchkey.check(id, 'theme')]),
    );
    expect(requests).toEqual(['/entitlements/batch']);
    for (const id of users) {
      expect(await latchkey.check(id, 'export')).toMatchObject({ source: 'cache' });
    }
    expect(requests).toHaveLength(1);
  });

  it('reads what was written, by the revision that the write returned', async () => {
    const latchkey = connect({ stream: false });
    expect(await latchkey.allows(user, 'export')).toBe(false);
    await grant('export');
    expect((await latchkey.entitlements(user, { minRevision: 1 })).revision).toBe(1);
    expect(await latchkey.check(user, 'export')).toMatchObject({ allowed: true, source: 'cache' });
  });

  it('opens checkouts and the portal, and reads the catalog', async () => {
    const latchkey = connect({ stream: false });
    const { url, id } = await latchkey.checkout({
      ...{ userId: user, priceId: shop.prices.pro },
      ...{ successUrl: 'https://notes.example/ok', cancelUrl: 'https://notes.example/no' },
    });
    expect(url).toContain(shop.sandbox.url);
    expect((await latchkey.checkoutSession(id)).id).toBe(id);
    expect((await latchkey.catalog()).products.length).toBeGreaterThan(0);
    await shop.buy(user, 'pro');
    await shop.settle();
    const portal = await latchkey.portal({ userId: user, returnUrl: 'https://notes.example/me' });
    expect(portal.url).toContain(shop.sandbox.url);
  });

  it('gets documents that verify, and user tokens', async () => {
    await grant('export');
    const latchkey = connect({ stream: false });
    const { document } = await latchkey.document(user, { ttlSeconds: 60 });
    const options = { jwks: `${serviceUrl}/.well-known/jwks.json`, project: 'notes', now };
    expect(await verifyDocument(document, options)).toMatchObject({
      ...{ userId: user, projectId: 'notes', entitlements: { export: true } },
      expiresAt: iso(now() + 60_000),
    });
    await expect(verifyDocument(document, { ...options, project: 'other' })).rejects.toThrow(
      'The document is of project `notes`, not of `other`. `project` must be the project of the API key.',
    );
    await expect(
      verifyDocument(document, { ...options, now: () => now() + 61_000 }),
    ).rejects.toThrow('"exp" claim timestamp check failed');
    expect(await latchkey.userToken(user)).toMatchObject({ token: expect.any(String) as string });
  });

  it('throws what the service refuses; that is no outage', async () => {
    const latchkey = connect({ key: 'lk_wrong' });
    const degraded = vi.fn();
    latchkey.on('degraded', degraded);
    await expect(latchkey.allows(user, 'export')).rejects.toMatchObject({
      ...{ name: 'LatchkeyError', status: 401, code: 'unauthorized' },
    });
    await expect(latchkey.portal({ userId: user, returnUrl: 'x' })).rejects.toThrow(LatchkeyError);
    expect(degraded).not.toHaveBeenCalled();
  });
});

describe('changes', () => {
  it('are seen as soon as the stream reports them', async () => {
    await grant('export');
    const latchkey = await connectLive();
    expect(await latchkey.allows(user, 'export')).toBe(true);
    await revoke('export');
    await vi.waitFor(async () => {
      expect(await latchkey.allows(user, 'export')).toBe(false);
    });
    expect(await latchkey.check(user, 'export')).toMatchObject({
      ...{ reason: 'revoked', source: 'cache' },
    });
  });

  it('keep the answers of other users', async () => {
    const latchkey = await connectLive();
    await latchkey.check('u_other', 'export');
    await grant('export');
    await vi.waitFor(async () => {
      expect(await latchkey.allows(user, 'export')).toBe(true);
    });
    expect(await latchkey.check('u_other', 'export')).toMatchObject({ source: 'cache' });
  });

  it('that time alone brings come at their instant, without a stream', async () => {
    await grant('export', { until: now() + 30_000 });
    const latchkey = connect({ stream: false });
    expect(await latchkey.allows(user, 'export')).toBe(true);
    shop.service.clock.advance(29_999);
    expect(await latchkey.check(user, 'export')).toMatchObject({ allowed: true, source: 'cache' });
    shop.service.clock.advance(1);
    expect(await latchkey.check(user, 'export')).toMatchObject({
      ...{ allowed: false, reason: 'expired', source: 'server' },
    });
  });

  it('are looked for after a minute while the stream is down', async () => {
    const latchkey = connect({ stream: false });
    await latchkey.allows(user, 'export');
    shop.service.clock.advance(59_999);
    expect(await latchkey.check(user, 'export')).toMatchObject({ source: 'cache' });
    shop.service.clock.advance(1);
    expect(await latchkey.check(user, 'export')).toMatchObject({ source: 'server' });
  });

  it('that a break of the stream hid are seen after it, and the rest stays in the cache', async () => {
    await grant('export');
    const latchkey = await connectLive();
    await latchkey.check('u_other', 'export');
    // Answers right after the start are loaded again once; these are older.
    shop.service.clock.advance(61_000);
    await latchkey.check(user, 'export');
    await latchkey.check('u_other', 'export');
    const seen: string[] = [];
    latchkey.on('change', ({ user_id: id }) => seen.push(id));
    proxy.cut();
    await revoke('export');
    proxy.restore();
    await vi.waitFor(() => {
      expect(seen).toContain(user);
    }, 10_000);
    expect(await latchkey.check(user, 'export')).toMatchObject({ allowed: false });
    expect(await latchkey.check('u_other', 'export')).toMatchObject({ source: 'cache' });
    expect(seen.filter((id) => id === user)).toHaveLength(1);
  });

  it('that were deleted from the feed cost the cache, not the truth', async () => {
    await grant('export');
    const latchkey = await connectLive();
    await latchkey.check(user, 'export');
    proxy.cut();
    await revoke('export');
    await shop.service.deps.database.pool.query(
      'update change_feed set deleted_position = last_position',
    );
    proxy.restore();
    await vi.waitFor(async () => {
      expect(await latchkey.check(user, 'export')).toMatchObject({ allowed: false });
    }, 10_000);
  });
});

describe('an outage', () => {
  it('answers by the fail mode of each feature, and says so', async () => {
    await grant('export');
    await grant('notebooks', { value: 7 });
    await grant('theme', { value: { dark: true } });
    const latchkey = connect({
      onUnavailable: { features: { notebooks: 'deny', theme: 'allow' } },
    });
    const events: string[] = [];
    latchkey.on('degraded', () => events.push('degraded'));
    latchkey.on('recovered', () => events.push('recovered'));
    await latchkey.allows(user, 'export');
    proxy.cut();
    shop.service.clock.advance(61_000);
    expect(await latchkey.check(user, 'export')).toMatchObject({
      ...{ allowed: true, value: true, source: 'last_known' },
    });
    expect(await latchkey.check(user, 'notebooks')).toMatchObject({
      ...{ allowed: false, reason: 'unavailable', source: 'fallback' },
    });
    expect(await latchkey.check(user, 'theme')).toMatchObject({
      ...{ allowed: true, value: null, source: 'fallback' },
    });
    expect(await latchkey.allows('u_never_seen', 'export')).toBe(false);
    await expect(latchkey.entitlements(user)).rejects.toThrow(LatchkeyUnavailable);
    proxy.restore();
    await vi.waitFor(() => {
      expect(events).toEqual(['degraded', 'recovered']);
    }, 10_000);
    expect(await latchkey.check(user, 'notebooks')).toMatchObject({
      ...{ allowed: true, value: 7 },
    });
  });

  it('that hangs costs one check the time limit, and the others nothing', async () => {
    await grant('export');
    const latchkey = connect({ stream: false, timeoutMs: 300 });
    await vi.waitFor(async () => {
      expect(await latchkey.check(user, 'export')).toMatchObject({ source: 'server' });
      shop.service.clock.advance(61_000);
    });
    proxy.hang();
    expect(await latchkey.check(user, 'export')).toMatchObject({ source: 'last_known' });
    const before = requests.length;
    for (let each = 0; each < 1_000; each += 1) {
      expect(await latchkey.allows(user, 'export')).toBe(true);
    }
    // A probe may fall into this time.
    expect(requests.length - before).toBeLessThanOrEqual(1);
  });
});

describe('URLs and keys', () => {
  it('a key without the scope for the stream gets a 403 there, and reads fail with the reason', async () => {
    const made = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: shop.key,
      body: { name: 'checkout only', scopes: ['checkout'] },
    });
    const statuses: number[] = [];
    const latchkey = connect({
      key: text(made.body, 'key'),
      async fetch(...request) {
        const response = await fetch(...request);
        if (new URL(request[0]).pathname.endsWith('/changes/stream'))
          statuses.push(response.status);
        return response;
      },
    });
    await expect(latchkey.allows(user, 'export')).rejects.toMatchObject({
      ...{ status: 403, code: 'scope_missing' },
    });
    await vi.waitFor(() => {
      expect(statuses).toEqual([403]);
    });
  });

  it('names a missing URL or key at once', () => {
    expect(() => createLatchkey({ url: undefined, key: 'key' })).toThrow('`url` is missing');
    expect(() => createLatchkey({ url: serviceUrl, key: '' })).toThrow('`key` is missing');
    expect(() => createLatchkey({ url: 'latchkey', key: 'key' })).toThrow('`url` must begin');
  });
});
