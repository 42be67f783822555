import { once } from 'node:events';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newKey } from '../../src/auth/api-key.ts';
import { createKeyLookup } from '../../src/auth/key-lookup.ts';
import {
  adminKey,
  startTestService,
  type TestResponse,
  type TestService,
} from '../helpers/service.ts';

const services: TestService[] = [];

/** How long a state is waited for, on a busy machine. */
const patience = { timeout: 20_000 };

async function start(options: Parameters<typeof startTestService>[0]): Promise<TestService> {
  const service = await startTestService(options);
  services.push(service);
  return service;
}
afterAll(() => Promise.all(services.map((service) => service.close())));

/** Runs `work` and returns how many queries looked a key up meanwhile. */
async function lookups(service: TestService, work: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(service.deps.database.reservedPool, 'query');
  await work();
  const asked = query.mock.calls.filter(([request]) =>
    JSON.stringify(request).includes('find-key'),
  );
  query.mockRestore();
  return asked.length;
}

describe('the limit of a key', () => {
  const maxRps = 20;
  let service: TestService;
  let notes: string;
  let other: string;
  const read = (key: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', { key });
  const reads = (key: string, count: number): Promise<TestResponse[]> =>
    Promise.all(Array.from({ length: count }, () => read(key)));

  beforeAll(async () => {
    service = await start({ config: { keyMaxRps: maxRps } });
    ({ key: notes } = await service.createProject('notes'));
    ({ key: other } = await service.createProject('other'));
  });

  it('429 with Retry-After above it, and another key still works', async () => {
    service.clock.advance(1_000);
    const answers = await reads(notes, maxRps + 5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ body: { code: 'too_many_requests' } });
    expect(refused[0]?.headers['retry-after']).toBe('1');
    expect(await read(other)).toMatchObject({ status: 200 });
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'key' }, value: 5 });
  });

  it('is open again after what Retry-After says', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps);
    expect((await read(notes)).status).toBe(429);
    service.clock.advance(1_000);
    expect((await read(notes)).status).toBe(200);
  });

  it('counts all routes of the key together, the refused ones too short of a scope included', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps - 1);
    expect(
      (await service.request('POST', '/admin/projects', { key: notes, body: {} })).status,
    ).toBe(403);
    expect((await read(notes)).status).toBe(429);
  });

  it('does not apply to routes without a key: probes and the webhook', async () => {
    for (let count = 0; count <= maxRps; count += 1) {
      const [live, ready, webhook] = await Promise.all([
        service.app.inject('/live'),
        service.app.inject('/ready'),
        service.request('POST', '/webhooks/stripe', { body: {} }),
      ]);
      expect([live.statusCode, ready.statusCode, webhook.status]).toEqual([200, 200, 400]);
    }
  });
});

describe('keys that are not valid', () => {
  const ask = (service: TestService, key: string, address?: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', {
      key,
      headers: address === undefined ? {} : { 'x-forwarded-for': address },
    });
  const guess = (service: TestService, address?: string): Promise<TestResponse> =>
    ask(service, newKey().key, address);
  const guesses = (service: TestService, count: number): Promise<TestResponse[]> =>
    Promise.all(Array.from({ length: count }, () => guess(service)));
  const statusesOf = (answers: TestResponse[]): number[] => [
    ...new Set(answers.map(({ status }) => status)),
  ];

  it('401 without a query where the checksum is wrong, however many there are', async () => {
    const service = await start({});
    const { key } = newKey();
    const madeUp = Array.from({ length: 300 }, (_, number) =>
      number % 2 === 0 ? `lk_guessed_${number}` : `${key.slice(0, -1)}-`,
    );
    const asked = await lookups(service, async () => {
      const answers = await Promise.all(madeUp.map((each) => ask(service, each)));
      expect(statusesOf(answers)).toEqual([401]);
    });
    expect(asked).toBe(0);
  });

  it('well-formed ones share queries from the hundred and first on, and lock out no valid key of their address', async () => {
    const service = await start({});
    const { key: known } = await service.createProject('notes');
    await ask(service, known);
    const { key: unseen } = await service.createProject('other');
    const asked = await lookups(service, async () => {
      expect(statusesOf(await guesses(service, 100))).toEqual([401]);
      const [flood, seen, fresh] = await Promise.all([
        guesses(service, 300),
        ask(service, known),
        ask(service, unseen),
      ]);
      expect(statusesOf(flood)).toEqual([401]);
      expect([seen.status, fresh.status]).toEqual([200, 200]);
    });
    // 300 and the valid one, up to 100 a query.
    expect(asked).toBeLessThanOrEqual(100 + 5);
    expect(asked).toBeGreaterThan(100);
  });

  it('429 where a thousand of an address wait; those of other addresses are looked up', async () => {
    const service = await start({});
    const lookup = createKeyLookup(service.deps);
    const from = (client: string, count: number): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(
        Array.from({ length: count }, () => {
          const { key, hash } = newKey();
          return lookup.find(key, hash, () => client);
        }),
      );
    const refused = { reason: expect.objectContaining({ code: 'too_many_requests' }) as unknown };
    const guessed = await Promise.all([
      from('203.0.113.1', 100),
      from('203.0.113.1', 1_000),
      from('203.0.113.1', 10),
      from('203.0.113.2', 110),
    ]);
    const [first, slow, beyond, other] = guessed;
    for (const each of beyond) expect(each).toMatchObject(refused);
    expect(beyond).toHaveLength(10);
    const unknown = { status: 'fulfilled', value: null };
    for (const each of [...first, ...slow, ...other]) expect(each).toEqual(unknown);
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'client' }, value: 10 });
  });

  it('share queries where they come from hundreds of addresses at once', async () => {
    const service = await start({});
    const lookup = createKeyLookup(service.deps);
    const asked = await lookups(service, async () => {
      const found = await Promise.all(
        Array.from({ length: 400 }, (_, number) => {
          const { key, hash } = newKey();
          return lookup.find(key, hash, () => `198.51.${number >> 8}.${number & 255}`);
        }),
      );
      expect(new Set(found)).toEqual(new Set([null]));
    });
    expect(asked).toBeLessThan(150);
  });

  it('cost one query where they are the same and come at once; valid ones cost nothing in the end', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const crowd = (of: string): Promise<TestResponse[]> =>
      Promise.all(Array.from({ length: 300 }, () => ask(service, of)));
    expect(await lookups(service, () => crowd(newKey().key))).toBe(1);
    expect(statusesOf(await crowd(key))).toEqual([200]);
    // 99 are left, so none of these waits to share a query.
    expect(await lookups(service, () => guesses(service, 99))).toBe(99);
  });

  it('count for the address that a trusted proxy names, and for no address that a client makes up', async () => {
    const behind = await start({ config: { trustedProxies: ['loopback'] } });
    const exposed = await start({});
    const sharedBy = async (service: TestService): Promise<boolean> => {
      for (let number = 0; number < 100; number += 1) await guess(service, '203.0.113.1');
      const another = (): Promise<TestResponse[]> =>
        Promise.all(Array.from({ length: 10 }, () => guess(service, '203.0.113.2')));
      return (await lookups(service, another)) < 10;
    };
    expect(await sharedBy(behind)).toBe(false);
    expect(await sharedBy(exposed)).toBe(true);
  });

  it('cost no token where Postgres could not be asked', async () => {
    const service = await start({});
    const { reservedPool } = service.deps.database;
    const query = vi
      .spyOn(reservedPool, 'query')
      // `never`: the spy is typed after the callback forms, which nothing here uses.
      .mockImplementation(() => Promise.reject(new Error('connect ECONNREFUSED')) as never);
    for (let number = 0; number < 150; number += 1) {
      expect((await guess(service)).status).toBe(503);
    }
    query.mockRestore();
    expect(await lookups(service, () => guesses(service, 100))).toBe(100);
  });
});

describe('X-Forwarded-For', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.1' };

  it('is counted and warned of once an hour where no proxy is trusted', async () => {
    const lines: string[] = [];
    const log = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const service = await start({ log });
    const warnings = (): number =>
      lines.filter((line) => line.includes('set TRUSTED_PROXIES')).length;
    for (let count = 0; count < 3; count += 1) {
      await service.request('GET', '/entitlements', { headers: forwarded });
    }
    await service.request('GET', '/entitlements');
    expect(warnings()).toBe(1);
    const { values } = await service.deps.metrics.untrustedForwarded.get();
    expect(values[0]?.value).toBe(3);
    service.clock.advance(3_600_000);
    await service.request('GET', '/entitlements', { headers: forwarded });
    expect(warnings()).toBe(2);
  });

  it('of a trusted proxy is neither', async () => {
    const service = await start({ config: { trustedProxies: ['loopback'] } });
    await service.request('GET', '/entitlements', { headers: forwarded });
    const { values } = await service.deps.metrics.untrustedForwarded.get();
    expect(values[0]?.value).toBe(0);
  });
});

describe('the size of a body', () => {
  it('413 above a quarter of a mebibyte; lists of a thousand may have a whole one', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const body = (bytes: number): string => JSON.stringify({ padding: 'x'.repeat(bytes) });
    const post = async (path: string, bytes: number): Promise<unknown> =>
      (await service.request('POST', path, { key, body: body(bytes) })).status;
    expect(await post('/admin/grant', 262_000)).toBe(400);
    expect(await post('/admin/grant', 263_000)).toBe(413);
    for (const path of ['/admin/grants/bulk', '/admin/customers/link']) {
      expect(await post(path, 1_040_000)).toBe(400);
      expect(await post(path, 1_050_000)).toBe(413);
    }
  });
});

describe('a request that trickles in', () => {
  it('is cut off after half a minute, its headers after a third of that', async () => {
    const { server } = (await start({})).app;
    expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 10_000]);
  });

  it('is cut off within a second of that, however steadily it trickles', async () => {
    const service = await start({});
    const url = new URL(await service.listen());
    // A hundredth of it, to keep the test short.
    service.app.server.requestTimeout /= 100;
    service.app.server.headersTimeout /= 100;
    const socket = connect(Number(url.port), url.hostname);
    const trickle = setInterval(() => socket.write(' '), 50);
    try {
      socket.write(
        'POST /api/v1/admin/projects HTTP/1.1\r\nHost: test\r\n' +
          `Authorization: Bearer ${adminKey}\r\n` +
          'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(trickle);
      socket.destroy();
    }
  });
});

describe('an answer that the client does not read', () => {
  const script = 'GET /docs/js/scalar.js HTTP/1.1\r\nHost: test\r\n\r\n';

  function connectionsOf({ app }: TestService): Promise<number> {
    return new Promise((resolve, reject) => {
      app.server.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }

  /** Only once a request has come: until then a busy machine may take longer. */
  function shortenStandstill({ app }: TestService): void {
    app.server.on('request', ({ socket }) => socket.setTimeout(50));
  }

  it('is given up after half a minute without progress', async () => {
    const { server } = (await start({})).app;
    expect(server.timeout).toBe(30_000);
  });

  it('ends with its connection, and is noted as one whose client went', async () => {
    const lines: string[] = [];
    const log = { write: (line: string) => void lines.push(line) };
    const service = await start({ log });
    const url = new URL(await service.listen());
    shortenStandstill(service);
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => undefined);
    try {
      await once(socket, 'connect');
      socket.pause();
      // More than what the kernel keeps for a reader, on either side.
      socket.write(script.repeat(20));
      await vi.waitFor(async () => {
        expect(await connectionsOf(service)).toBe(1);
      }, patience);
      await vi.waitFor(async () => {
        expect(await connectionsOf(service)).toBe(0);
      }, patience);
      await vi.waitFor(() => {
        expect(lines.join('')).toContain('"status":499');
      }, patience);
    } finally {
      socket.destroy();
    }
  });

  it('is not one that is still being made: its connection stays, however long that takes', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const url = new URL(await service.listen());
    shortenStandstill(service);
    let standstills = 0;
    service.app.server.on('request', ({ socket }) => {
      socket.on('timeout', () => (standstills += 1));
    });
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const { pool } = service.deps.database;
    const ask = pool.query.bind(pool) as (...request: unknown[]) => unknown;
    const query = vi
      .spyOn(pool, 'query')
      // `never`: the spy is typed after the callback forms, which nothing here uses.
      .mockImplementation((...request: unknown[]) => held.then(() => ask(...request)) as never);
    const answer = fetch(new URL('/api/v1/entitlements?user_id=u_1', url), {
      headers: { authorization: `Bearer ${key}` },
    });
    await vi.waitFor(() => {
      expect(standstills).toBeGreaterThan(2);
    }, patience);
    goOn();
    expect((await answer).status).toBe(200);
    query.mockRestore();
  });
});
